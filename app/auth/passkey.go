package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"chatalot/app/store"
	"chatalot/app/wire"
)

const (
	maxPasskeys   = 20      // of one person
	maxClientData = 4 << 10 // bytes; browsers write some two hundred
	maxAuthData   = 4 << 10 // bytes; likewise
	maxSignature  = 1 << 10 // bytes; RSA of 4096 bits has 512
	maxTransports = 8
	maxTransport  = 32 // characters; the standard's longest has ten
)

// passkeys knows how this place's passkeys are made and checked (WebAuthn Level 3), and which ceremonies are going on.
type passkeys struct {
	rp         *webauthn.WebAuthn // nil when the place's address is a number: browsers make passkeys for names only
	ceremonies *ceremonies
}

// algorithms are those that a new passkey may have, the best first. Nearly every authenticator has the first; the last is for those of older
// Windows machines.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// newPasskeys prepares for the place at origin, as in an Origin header. For plain HTTP, which is served on this machine alone, passkeys belong
// to localhost, whatever other name of the machine stands in origin: browsers know no others without TLS.
func newPasskeys(origin string) (*passkeys, error) {
	own, err := url.Parse(origin)
	if err != nil || own.Host == "" {
		return nil, fmt.Errorf("the place's own address is not an origin: %q", origin)
	}
	id, origins := own.Hostname(), []string{origin}
	if own.Scheme == "http" {
		id, origins = "localhost", []string{"http://localhost"}
		if port := own.Port(); port != "" {
			origins = []string{"http://" + net.JoinHostPort("localhost", port)}
		}
	}
	p := &passkeys{ceremonies: newCeremonies()}
	if protocol.ValidateRPID(id) != nil {
		return p, nil
	}
	life := webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife} // what browsers are told; the ceremonies enforce it
	p.rp, err = webauthn.New(&webauthn.Config{
		RPID: id, RPOrigins: origins, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: life, Registration: life},
		// Extensions that nobody asked for change nothing here; some authenticators report them all the same.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare for passkeys: %w", err)
	}
	return p, nil
}

func badPasskey() error {
	return wire.Fail(wire.BadPasskey, "This passkey did not fit. Try again, or use your password.")
}

func noPasskeysHere() error {
	return wire.Fail(wire.BadPasskey, "This place is reached by a number, and browsers make passkeys for names only. Use your password.")
}

// keyholder is a person as the library sees one.
type keyholder struct {
	user        store.User
	credentials []webauthn.Credential
}

func (k keyholder) WebAuthnID() []byte                         { return k.user.ID[:] }
func (k keyholder) WebAuthnName() string                       { return k.user.Username }
func (k keyholder) WebAuthnDisplayName() string                { return k.user.DisplayName }
func (k keyholder) WebAuthnCredentials() []webauthn.Credential { return k.credentials }

// PasskeyOptions begins an assertion: to sign in, or to confirm. It asks for any passkey of this place, so it tells nothing about anybody,
// and keeps nothing.
func (a *Auth) PasskeyOptions() (wire.PasskeyOptions, error) {
	if a.passkeys.rp == nil {
		return wire.PasskeyOptions{}, noPasskeysHere()
	}
	asked, _, err := a.passkeys.rp.BeginDiscoverableLogin()
	if err != nil {
		return wire.PasskeyOptions{}, fmt.Errorf("begin an assertion: %w", err)
	}
	c := ceremony{purpose: toAssert, expires: a.now().Add(ceremonyLife).UnixMilli(), challenge: [32]byte(asked.Response.Challenge)}
	return wire.PasskeyOptions{Ceremony: a.passkeys.ceremonies.seal(c), Options: asked.Response}, nil
}

// assertion is a passkey that has proven itself, not yet written down.
type assertion struct {
	user store.User // as it was read for the check
	key  store.Passkey
	is   string // the credential after this use
}

// readAssertion checks what an authenticator has signed: the ceremony is one of ours, in time and not used before, the signature is that of a
// passkey of this place, made for this place's own pages after the person was verified, and its counter has moved on. Whatever is wrong is
// wire.BadPasskey.
func (a *Auth) readAssertion(ctx context.Context, in wire.PasskeyAssertion, from wire.From) (shown assertion, err error) {
	if a.passkeys.rp == nil {
		return shown, noPasskeysHere()
	}
	c, ok := a.passkeys.ceremonies.open(in.Ceremony, toAssert, a.now().UnixMilli())
	if !ok || len(in.ClientData) > maxClientData || len(in.AuthenticatorData) > maxAuthData || len(in.Signature) > maxSignature {
		return shown, badPasskey()
	}
	parsed, err := parseAssertion(in)
	if err != nil {
		return shown, badPasskey()
	}
	var credential webauthn.Credential
	if shown.user, shown.key, credential, err = a.ownerOf(ctx, in.ID); err != nil {
		return shown, err
	}
	owner := keyholder{shown.user, []webauthn.Credential{credential}}
	find := func([]byte, []byte) (webauthn.User, error) { return owner, nil }
	used, err := a.passkeys.rp.ValidateDiscoverableLogin(find, a.asked(c), parsed)
	if err != nil || !a.passkeys.ceremonies.use(c, a.now().UnixMilli()) {
		return shown, badPasskey()
	}
	if used.Authenticator.CloneWarning {
		return shown, a.copied(ctx, shown, from)
	}
	shown.is, err = credentialText(*used)
	return shown, err
}

func parseAssertion(in wire.PasskeyAssertion) (*protocol.ParsedCredentialAssertionData, error) {
	id, err := in.ID.MarshalText()
	if err != nil {
		return nil, err
	}
	return protocol.CredentialAssertionResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: string(id), Type: string(protocol.PublicKeyCredentialType)}, RawID: protocol.URLEncodedBase64(in.ID),
		},
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: protocol.URLEncodedBase64(in.ClientData)},
			AuthenticatorData:     protocol.URLEncodedBase64(in.AuthenticatorData), Signature: protocol.URLEncodedBase64(in.Signature),
			UserHandle: protocol.URLEncodedBase64(in.UserHandle),
		},
	}.Parse()
}

// asked is what the library wants to know of a ceremony.
func (a *Auth) asked(c ceremony) webauthn.SessionData {
	s := webauthn.SessionData{Challenge: tokenText.EncodeToString(c.challenge[:]), RelyingPartyID: a.passkeys.rp.Config.RPID,
		UserVerification: protocol.VerificationRequired, CredParams: algorithms}
	if c.purpose == toCreate {
		s.UserID = c.user[:]
	}
	return s
}

// ownerOf reads a passkey and whose it is; wire.BadPasskey for one that nobody has.
func (a *Auth) ownerOf(ctx context.Context, id []byte) (user store.User, key store.Passkey, credential webauthn.Credential, err error) {
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if key, err = tx.Passkey(id); err != nil {
			return err
		}
		user, err = tx.User(key.User)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return user, key, credential, badPasskey()
	}
	if err != nil {
		return user, key, credential, fmt.Errorf("read a passkey: %w", err)
	}
	if err := json.Unmarshal([]byte(key.Credential), &credential); err != nil {
		return user, key, credential, fmt.Errorf("read a stored passkey: %w", err)
	}
	return user, key, credential, nil
}

// use writes the assertion down. It is wire.BadPasskey when the passkey was used or removed, or its person's tokens were ended, since it was checked.
func (s assertion) use(tx *store.Tx) error {
	user, err := tx.User(s.user.ID)
	if err == nil && user.Epoch == s.user.Epoch {
		err = tx.UsePasskey(s.key.ID, s.key.Credential, s.is)
	} else if err == nil {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return badPasskey()
	}
	return err
}

// copied tells a person that one of their passkeys may have been copied, and is the refusal.
func (a *Auth) copied(ctx context.Context, shown assertion, from wire.From) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		return errors.Join(tell(tx, shown.user.ID, "passkey_copied", from, nil),
			tx.Audit(wire.AuditEntry{What: wire.ActSignInFailed, User: &shown.user.ID, Detail: "passkey whose count went back: it may have been copied", Address: addressText(from)}))
	})
	if err != nil {
		return fmt.Errorf("tell of a copied passkey: %w", err)
	}
	return wire.Fail(wire.BadPasskey, "This passkey counts its uses, and the count went back: it may have been copied. Use your password, remove this passkey and add a new one.")
}

// PasskeyLogin signs in by a passkey: it is both steps, for the authenticator has asked for a finger, a face or a PIN, and it works while wrong
// guesses keep the password locked. It is wire.AccountPaused for an account that an admin has locked or suspended.
func (a *Auth) PasskeyLogin(ctx context.Context, req wire.PasskeyLogin, from wire.From) (Grant, error) {
	if err := checkTransport(req.Transport); err != nil {
		return Grant{}, err
	}
	shown, err := a.readAssertion(ctx, req.Passkey, from)
	if err != nil {
		return Grant{}, err
	}
	var e entrance
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := shown.use(tx); err != nil {
			return err
		}
		user, err := tx.User(shown.user.ID)
		if err != nil {
			return err
		}
		e, err = a.arrive(tx, user, "passkey", req.Transport, from)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("sign in by a passkey: %w", err)
	}
	return a.open(e, from)
}

// credentialText is how a passkey is stored. What attested it is left out: nobody asked for it.
func credentialText(c webauthn.Credential) (string, error) {
	c.Attestation = webauthn.CredentialAttestation{}
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a passkey: %w", err)
	}
	return string(text), nil
}

// NewPasskeyOptions begins the making of a passkey for the caller's account.
func (a *Auth) NewPasskeyOptions(ctx context.Context, c wire.Caller) (out wire.PasskeyOptions, err error) {
	if a.passkeys.rp == nil {
		return out, noPasskeysHere()
	}
	var place store.Place
	var keys []store.Passkey
	owner := keyholder{}
	err = a.store.Read(ctx, func(tx *store.Tx) error {
		if place, err = tx.Place(); err != nil {
			return err
		}
		if owner.user, err = tx.User(c.User); err != nil {
			return err
		}
		keys, err = tx.PasskeysOf(c.User)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("begin a passkey: %w", err)
	}
	if len(keys) >= maxPasskeys {
		return out, tooManyPasskeys()
	}
	return a.beginPasskey(owner, keys, place.Name)
}

func (a *Auth) beginPasskey(owner keyholder, has []store.Passkey, place string) (out wire.PasskeyOptions, err error) {
	exclude := make([]protocol.CredentialDescriptor, len(has))
	for i, key := range has {
		var credential webauthn.Credential
		if err := json.Unmarshal([]byte(key.Credential), &credential); err != nil {
			return out, fmt.Errorf("read a stored passkey: %w", err)
		}
		exclude[i] = credential.Descriptor()
	}
	asked, _, err := a.passkeys.rp.BeginRegistration(owner, webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(exclude),
		webauthn.WithRegistrationRelyingPartyName(place))
	if err != nil {
		return out, fmt.Errorf("begin a passkey: %w", err)
	}
	c := ceremony{purpose: toCreate, expires: a.now().Add(ceremonyLife).UnixMilli(), user: owner.user.ID, challenge: [32]byte(asked.Response.Challenge)}
	return wire.PasskeyOptions{Ceremony: a.passkeys.ceremonies.seal(c), Options: asked.Response}, nil
}

func tooManyPasskeys() error {
	return wire.Fail(wire.LimitReached, fmt.Sprintf("You have %d passkeys, as many as an account can. Remove one first.", maxPasskeys))
}

// AddPasskey adds what an authenticator has made to the caller's account.
func (a *Auth) AddPasskey(ctx context.Context, c wire.Caller, req wire.NewPasskey) (wire.Passkey, error) {
	name, err := wire.CleanName("name", req.Name)
	if err != nil {
		return wire.Passkey{}, err
	}
	credential, err := a.readNewPasskey(c, req)
	if err != nil {
		return wire.Passkey{}, err
	}
	var key store.Passkey
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := a.stillHere(tx, c); err != nil {
			return err
		}
		has, err := tx.PasskeysOf(c.User)
		if err != nil {
			return err
		}
		if len(has) >= maxPasskeys {
			return tooManyPasskeys()
		}
		key, err = tx.CreatePasskey(store.Passkey{ID: req.ID, User: c.User, Name: name, Credential: credential})
		if errors.Is(err, store.ErrTaken) {
			return wire.Fail(wire.BadPasskey, "This passkey is known here already. Choose another device or key.")
		}
		if err != nil {
			return err
		}
		return errors.Join(tell(tx, c.User, "passkey_added", c.From, &c.Session), auditOwn(tx, wire.ActPasskeyAdded, c.User, "", c.From))
	})
	if err != nil {
		return wire.Passkey{}, fmt.Errorf("add a passkey: %w", err)
	}
	return key.Wire(), nil
}

// readNewPasskey checks what an authenticator has made and returns it as it is stored.
func (a *Auth) readNewPasskey(c wire.Caller, req wire.NewPasskey) (string, error) {
	if a.passkeys.rp == nil {
		return "", noPasskeysHere()
	}
	made, ok := a.passkeys.ceremonies.open(req.Ceremony, toCreate, a.now().UnixMilli())
	if !ok || made.user != c.User || len(req.ClientData) > maxClientData || len(req.AttestationObject) > 2*maxAuthData || len(req.Transports) > maxTransports {
		return "", badPasskey()
	}
	parsed, err := parseCreation(req)
	if err != nil {
		return "", badPasskey()
	}
	owner := keyholder{user: store.User{ID: c.User}}
	credential, err := a.passkeys.rp.CreateCredential(owner, a.asked(made), parsed)
	if err != nil || !bytes.Equal(credential.ID, req.ID) || !a.passkeys.ceremonies.use(made, a.now().UnixMilli()) {
		return "", badPasskey()
	}
	return credentialText(*credential)
}

func parseCreation(req wire.NewPasskey) (*protocol.ParsedCredentialCreationData, error) {
	id, err := req.ID.MarshalText()
	if err != nil {
		return nil, err
	}
	for _, t := range req.Transports {
		if len(t) > maxTransport {
			return nil, errors.New("a transport's name is too long")
		}
	}
	parsed, err := protocol.CredentialCreationResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: string(id), Type: string(protocol.PublicKeyCredentialType)}, RawID: protocol.URLEncodedBase64(req.ID),
		},
		AttestationResponse: protocol.AuthenticatorAttestationResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: protocol.URLEncodedBase64(req.ClientData)},
			AttestationObject:     protocol.URLEncodedBase64(req.AttestationObject), Transports: req.Transports,
		},
	}.Parse()
	if err != nil {
		return nil, err
	}
	// Some authenticators attest who built them though nobody asked: no certificate of a stranger is looked at.
	object := &parsed.Response.AttestationObject
	object.Format, object.AttStatement, object.SubStatements = string(protocol.AttestationFormatNone), nil, nil
	return parsed, nil
}

// RenamePasskey gives one of the caller's passkeys another name.
func (a *Auth) RenamePasskey(ctx context.Context, c wire.Caller, id []byte, req wire.Named) (wire.Passkey, error) {
	name, err := wire.CleanName("name", req.Name)
	if err != nil {
		return wire.Passkey{}, err
	}
	var key store.Passkey
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		key, err = tx.RenamePasskey(c.User, id, name)
		return err
	})
	if err != nil {
		return wire.Passkey{}, fmt.Errorf("rename a passkey: %w", missing(err))
	}
	return key.Wire(), nil
}

// dropPasskeys removes every passkey of a person, in a write that says elsewhere who brought it about.
func dropPasskeys(tx *store.Tx, user wire.UserID) error {
	n, err := tx.DropPasskeysOf(user)
	if err != nil || n == 0 {
		return err
	}
	return errors.Join(tell(tx, user, "passkey_removed", wire.From{}, nil),
		tx.Audit(wire.AuditEntry{What: wire.ActPasskeyRemoved, User: &user, Detail: fmt.Sprintf("all %d, with the old password", n)}))
}

// RemovePasskey takes one of the caller's passkeys off their account: it signs nobody in any more.
func (a *Auth) RemovePasskey(ctx context.Context, c wire.Caller, id []byte) error {
	err := a.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.DropPasskey(c.User, id); err != nil {
			return missing(err)
		}
		return errors.Join(tell(tx, c.User, "passkey_removed", c.From, &c.Session), auditOwn(tx, wire.ActPasskeyRemoved, c.User, "", c.From))
	})
	if err != nil {
		return fmt.Errorf("remove a passkey: %w", err)
	}
	return nil
}
