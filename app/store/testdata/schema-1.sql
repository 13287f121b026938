-- Chatalot's database as it is now: one table per noun. Older files are brought here by the migrations in app/store.
-- Ids are raw bytes: 16 random bytes, conversations 32 (a hash, see app/e2ee/SPEC.md). Times are Unix milliseconds.
-- "sealed" means: encrypted on people's devices, opaque to this server. A change here is a migration in app/store/migrate.go as well.

CREATE TABLE place ( -- this installation; one row
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    instance_id     BLOB NOT NULL,                       -- 16 random bytes; the issuer of access tokens
    name            TEXT NOT NULL DEFAULT '',            -- empty until set up
    registration    TEXT NOT NULL DEFAULT 'invite_only' CHECK (registration IN ('invite_only', 'open', 'closed')),
    set_up_at       INTEGER,                             -- NULL until the first account exists
    setup_hash      BLOB,                                -- SHA-256 of the one-time setup token
    setup_expires   INTEGER,
    key_fingerprint BLOB,                                -- SHA-256 of the access-token public key; another key at start ends every session
    key_next        BLOB,                                -- SHA-256 of the public key that a rotation has made; in force with the next start
    totp_check      BLOB                                 -- a known value sealed with the TOTP key: a wrong key is noticed at start, not at the first sign-in
) STRICT;

CREATE TABLE retired_key ( -- access-token keys that a rotation replaced, while tokens made with them are still taken
    fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32), -- SHA-256 of the public key; the key itself stands in the secrets directory
    at          INTEGER NOT NULL                         -- when its successor came into force
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    username      TEXT NOT NULL UNIQUE,                  -- sign-in name, already lower-cased NFKC
    display_name  TEXT NOT NULL,
    password_hash TEXT NOT NULL,                         -- secret: Argon2id in PHC form
    password_at   INTEGER NOT NULL,                      -- when it was last changed
    role          TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    -- locked: nobody signs in anew, sessions go on. suspended: they end too, and nothing is sealed to this person. deleted: only what history needs is left
    state         TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'locked', 'suspended', 'deleted')),
    epoch         INTEGER NOT NULL DEFAULT 1,            -- grows to end every token of this person at once
    marks_epoch   INTEGER NOT NULL DEFAULT 1,            -- grows to make every device cookie of this person worthless at once
    recovery_hash BLOB CHECK (length(recovery_hash) = 32), -- SHA-256 of the recovery proof (SPEC.md section 6); NULL until there is a vault
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE login_attempts ( -- wrong guesses at one door of one account, whether the account exists or not
    kind         TEXT NOT NULL CHECK (kind IN ('password', 'recovery', 'two_step')),
    subject      BLOB NOT NULL CHECK (length(subject) = 32), -- HMAC of the sign-in name: people type passwords there by mistake
    device       BLOB NOT NULL,                          -- the known device that guessed; empty for all unknown ones together
    known        INTEGER NOT NULL CHECK (known IN (0, 1)), -- the account exists; rows of others may be dropped when there are too many
    failures     INTEGER NOT NULL,                       -- in a row, charged before each check
    locked_until INTEGER NOT NULL DEFAULT 0,
    day          INTEGER NOT NULL DEFAULT 0,             -- Unix day of day_failures
    day_failures INTEGER NOT NULL DEFAULT 0,
    touched_at   INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_attempts_oldest ON login_attempts (known, touched_at);

CREATE TABLE challenge ( -- a sign-in whose first step was right and whose second is awaited
    token_hash    BLOB PRIMARY KEY CHECK (length(token_hash) = 32), -- SHA-256; the client holds the token
    user_id       BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    user_epoch    INTEGER NOT NULL,                      -- user.epoch at the first step; worthless after another one
    method        TEXT NOT NULL CHECK (method IN ('password', 'recovery', 'reset')),
    password_hash TEXT,                                  -- secret: the new password, put in force with the second step; for recovery and reset
    reset_hash    BLOB,                                  -- reset_link.token_hash that is used up with the second step
    failures      INTEGER NOT NULL DEFAULT 0,            -- five end it
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX challenge_of_user ON challenge (user_id);

CREATE TABLE totp ( -- two-step codes (RFC 6238)
    user_id      BLOB PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    sealed       BLOB NOT NULL,                          -- the shared secret under the TOTP key, bound to the user
    confirmed_at INTEGER,                                -- NULL while the first code is awaited
    last_step    INTEGER NOT NULL DEFAULT 0              -- time step of the newest accepted code: none is accepted twice
) STRICT, WITHOUT ROWID;

CREATE TABLE backup_code ( -- a row leaves when its code is used
    user_id BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),     -- HMAC under a key that is not in this file
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE trusted_device ( -- a device that need not bring a two-step code for a while
    user_id BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device  BLOB NOT NULL CHECK (length(device) = 16),   -- as in its device cookie
    until   INTEGER NOT NULL,
    PRIMARY KEY (user_id, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE passkey (
    id         BLOB PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 1023), -- WebAuthn credential id
    user_id    BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    credential TEXT NOT NULL,                            -- JSON of the WebAuthn library: public key, counter, flags
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_of_user ON passkey (user_id);

CREATE TABLE reset_link ( -- made by an admin for somebody who cannot sign in
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32), -- SHA-256; the link is shown once
    user_id    BLOB NOT NULL UNIQUE REFERENCES user (id) ON DELETE CASCADE, -- a new one takes the place of the old
    made_by    BLOB REFERENCES user (id) ON DELETE CASCADE, -- the admin, on whose standing it rests; NULL for the console
    two_step   INTEGER NOT NULL CHECK (two_step IN (0, 1)), -- switch two-step codes off as well: the authenticator is lost too
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit ( -- every act that matters for security; never what people wrote
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    what       TEXT NOT NULL,                            -- wire.Act
    actor      BLOB,                                     -- user.id; NULL for the console, the place itself and strangers
    actor_name TEXT NOT NULL DEFAULT '',                 -- as it was then; a name goes with its account when that is deleted
    user_id    BLOB,                                     -- whom it was done to, when that is somebody
    user_name  TEXT NOT NULL DEFAULT '',
    detail     TEXT NOT NULL DEFAULT '',                 -- a few plain words: "10 uses", "Firefox on Linux"
    address    TEXT NOT NULL DEFAULT ''                  -- where it came from; empty for the console and the place itself
) STRICT;
CREATE INDEX audit_of_user ON audit (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_of_actor ON audit (actor) WHERE actor IS NOT NULL;

CREATE TABLE device ( -- one browser or program of a person
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    user_id    BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    active     INTEGER NOT NULL DEFAULT 0 CHECK (active IN (0, 1)), -- stands in the newest manifest, not removed
    identity   BLOB,                                     -- Ed25519 public key from the manifest; signs prekeys and operations
    created_at INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL                          -- to the hour: finer would be surveillance
) STRICT, WITHOUT ROWID;
CREATE INDEX device_of_user ON device (user_id);

CREATE TABLE manifest ( -- a person's newest signed device list
    user_id    BLOB PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    body       BLOB NOT NULL,                            -- signed statement, SPEC.md section 3
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE vault ( -- a person's keys, sealed under their recovery key
    user_id BLOB PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    sealed  BLOB NOT NULL                                -- sealed; SPEC.md section 6
) STRICT, WITHOUT ROWID;

CREATE TABLE prekey ( -- a row leaves when its one-time key is handed out
    device_id BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind      INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4), -- signed, one-time, KEM one-time, KEM last resort
    key_id    INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    body      BLOB NOT NULL,                             -- signed statement, SPEC.md section 3
    PRIMARY KEY (device_id, kind, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE prekey_spent ( -- one-time keys that were handed out and must never be again, whoever uploads them
    device_id BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    kind      INTEGER NOT NULL,
    key_id    INTEGER NOT NULL,
    expires   INTEGER NOT NULL,                          -- of the key: from then on it is refused by its date
    PRIMARY KEY (device_id, kind, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE prekey_claim ( -- who fetched whose keys lately: a limit against draining
    user_id   BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device_id BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    spent     INTEGER NOT NULL CHECK (spent IN (0, 1))   -- a one-time key was handed out
) STRICT;
CREATE INDEX prekey_claim_by ON prekey_claim (user_id, device_id, at);

CREATE TABLE session ( -- a login
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    user_id        BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device_id      BLOB REFERENCES device (id) ON DELETE SET NULL,
    user_epoch     INTEGER NOT NULL,                     -- user.epoch when it began; ends with it
    n              INTEGER NOT NULL DEFAULT 1,           -- newest refresh token; n-1 is good too until n has been presented. Tokens are never stored
    transport      TEXT NOT NULL CHECK (transport IN ('cookie', 'body')),
    agent          TEXT NOT NULL,                        -- "Firefox on Linux": coarse, for the person's own list
    network        TEXT NOT NULL DEFAULT '',             -- where it was last seen, coarse: an IPv4 /24 or an IPv6 /48
    fresh_until    INTEGER NOT NULL DEFAULT 0,           -- the person has shown their password again: until then dangerous changes are allowed
    created_at     INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL                      -- 30 days after the last renewal, at most 180 after sign-in
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_user ON session (user_id);

CREATE TABLE community (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE community_member (
    community_id BLOB NOT NULL REFERENCES community (id) ON DELETE CASCADE,
    user_id      BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    joined_at    INTEGER NOT NULL,
    joined_seq   INTEGER NOT NULL,                       -- log.seq before which its events are not this person's
    PRIMARY KEY (community_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX community_member_of_user ON community_member (user_id);

CREATE TABLE channel_group ( -- a heading under which a community keeps channels; "group" is an SQL keyword
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    community_id BLOB NOT NULL REFERENCES community (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_group_of_community ON channel_group (community_id);

CREATE TABLE invite (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    token_hash   BLOB NOT NULL UNIQUE,                   -- SHA-256; the token itself is shown once and never stored
    community_id BLOB NOT NULL REFERENCES community (id) ON DELETE CASCADE,
    created_by   BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    role         TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('admin', 'member')), -- what whoever comes by it may do in the community
    uses         INTEGER NOT NULL CHECK (uses >= 1),
    used         INTEGER NOT NULL DEFAULT 0 CHECK (used <= uses),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation ( -- a channel or a DM: what messages belong to
    id         BLOB PRIMARY KEY CHECK (length(id) = 32),
    kind       TEXT NOT NULL CHECK (kind IN ('channel', 'dm')),
    epoch      INTEGER NOT NULL DEFAULT 1,               -- grows with every operation and every member's new manifest
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation_member (
    conversation_id BLOB NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    user_id         BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    admin           INTEGER NOT NULL DEFAULT 0 CHECK (admin IN (0, 1)),
    dropped         INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1)), -- left the community, so gets nothing any more, but the signed chain still names them
    joined_seq      INTEGER NOT NULL,                    -- log.seq before which its events are not this person's
    read_seq        INTEGER NOT NULL DEFAULT 0,          -- how far this person has read; told to nobody else
    read_log        INTEGER NOT NULL DEFAULT 0,          -- log.seq of the row that told it; the next one replaces that row
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_member_of_user ON conversation_member (user_id);

CREATE TABLE channel (
    conversation_id BLOB PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
    group_id        BLOB NOT NULL REFERENCES channel_group (id),
    community_id    BLOB NOT NULL REFERENCES community (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    topic           TEXT NOT NULL DEFAULT '',
    visibility      TEXT NOT NULL CHECK (visibility IN ('public', 'private')), -- as the newest policy operation says
    n               INTEGER NOT NULL,                    -- of the newest operation
    head            BLOB NOT NULL CHECK (length(head) = 32) -- its hash
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_of_group ON channel (group_id);
CREATE UNIQUE INDEX channel_name ON channel (community_id, name COLLATE NOCASE);

CREATE TABLE op ( -- a channel's signed membership operations, in order
    conversation_id BLOB NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    n               INTEGER NOT NULL,
    actor           BLOB NOT NULL,                       -- user.id; whoever verifies the chain needs this person's manifest, gone from it or not
    body            BLOB NOT NULL,                       -- signed statement, SPEC.md section 3
    seq             INTEGER NOT NULL,                    -- log.seq it was told under
    PRIMARY KEY (conversation_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    seq             INTEGER PRIMARY KEY,                 -- its row in the log
    conversation_id BLOB NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    message_id      BLOB NOT NULL CHECK (length(message_id) = 16), -- chosen by the sender: a retry is recognised
    kind            TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'webhook')),
    sender_user     BLOB CHECK (sender_user IS NULL OR length(sender_user) = 16), -- kept without its account: history outlives it
    sender_device   BLOB CHECK (sender_device IS NULL OR length(sender_device) = 16),
    epoch           INTEGER NOT NULL,
    ciphertext      BLOB,                                -- sealed; SPEC.md section 7
    plaintext       TEXT,                                -- webhook messages only, never what a person wrote
    request_hash    BLOB NOT NULL,                       -- SHA-256 of the whole request: the same id with other bytes is refused
    created_at      INTEGER NOT NULL,
    CHECK (kind <> 'user' OR (plaintext IS NULL AND ciphertext IS NOT NULL AND sender_user IS NOT NULL AND sender_device IS NOT NULL)),
    CHECK (kind <> 'webhook' OR (plaintext IS NOT NULL AND ciphertext IS NULL AND sender_user IS NULL))
) STRICT;
CREATE UNIQUE INDEX message_once ON message (conversation_id, message_id);
CREATE INDEX message_by_conversation ON message (conversation_id, seq);

CREATE TABLE envelope ( -- what one device needs besides the ciphertext
    seq       INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    sealed    BLOB NOT NULL,                             -- sealed; SPEC.md section 5
    PRIMARY KEY (seq, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE log ( -- every durable change, in the one order all devices read it
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,   -- the cursor; never reused, even after deletion
    at              INTEGER NOT NULL,
    kind            TEXT NOT NULL,                       -- wire.Event.Kind
    conversation_id BLOB,                                -- for its members ...
    community_id    BLOB,                                -- ... or for a community's members; with both: for the community's members outside the conversation
    user_id         BLOB,                                -- ... or for one person
    body            TEXT,                                -- JSON of the event's field; NULL for messages, which stand in their own table
    CHECK ((user_id IS NULL) = (conversation_id IS NOT NULL OR community_id IS NOT NULL)),
    CHECK ((body IS NULL) = (kind = 'message'))
) STRICT;
-- Devices read the log by seq alone; these serve the deletion of a conversation or a community. Messages are found by their own table.
CREATE INDEX log_of_conversation ON log (conversation_id) WHERE conversation_id IS NOT NULL AND body IS NOT NULL;
CREATE INDEX log_of_community ON log (community_id) WHERE community_id IS NOT NULL;

INSERT INTO place (id, instance_id) VALUES (1, randomblob(16));
