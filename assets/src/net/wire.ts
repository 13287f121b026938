// The shapes that cross the network, as app/wire declares them. Bytes and ids are base64url strings, times Unix milliseconds.

export type Registration = 'invite_only' | 'open' | 'closed';
export type PresenceName = 'online' | 'away' | 'offline';
export type Role = 'owner' | 'admin' | 'member';

export interface Place { name: string; registration: Registration; set_up: boolean; version: string }
export type UserState = 'active' | 'locked' | 'suspended' | 'deleted';
export interface User { id: string; username: string; display_name: string; role: 'admin' | 'member'; state?: UserState; epochs?: ConvEpoch[] }
export interface SignedIn { access_token: string; expires_at: number; user: User; device_id?: string; has_keys: boolean }
export interface Me { user: User; device_id?: string; has_keys: boolean; vault_version: number }
export interface Device { id: string; name: string; created_at: number; last_seen: number; active: boolean }

export interface InvitePreview { place_name: string; community_name: string; inviter_name: string; people: number; expires_at: number }
export interface Invite {
  id: string; community_id: string; created_by: string; token?: string; role: Role; uses: number; used: number; created_at: number; expires_at: number;
}

/** The answer (202) to a first step that was right, when the account asks for a second one. */
export interface Challenge { challenge: string; expires_at: number }
export interface ResetPreview { username: string; expires_at: number }
export interface PasskeyOptions { ceremony: string; options: Record<string, unknown> }
export interface PasskeyAssertion { ceremony: string; id: string; client_data: string; authenticator_data: string; signature: string; user_handle: string }
export interface NewPasskey { ceremony: string; name: string; id: string; client_data: string; attestation_object: string; transports: string[] }
export interface Passkey { id: string; name: string; created_at: number; used_at: number }
export interface Security { password_at: number; two_step: boolean; backup_codes: number; passkeys: Passkey[]; fresh_until: number; state: UserState }
export interface TwoStepSecret { secret: string; url: string }
export interface BackupCodes { codes: string[] }
export interface Session {
  id: string; agent: string; network: string; device: string; has_keys: boolean; current: boolean; created_at: number; last_seen: number; expires_at: number;
}

export interface AdminUser {
  user: User; state: UserState; devices: number; sessions: number; two_step: boolean; passkeys: number; has_keys: boolean; locked_until: number;
  created_at: number; last_seen: number;
}
export interface ResetLink { token: string; expires_at: number }
export interface AdminInvite { invite: Invite; community_name: string; inviter_name: string }
export interface AuditEntry {
  id: number; at: number; what: string; actor?: string; actor_name: string; user?: string; user_name: string; detail: string; address: string;
}
export interface AuditPage { entries: AuditEntry[]; more: boolean; days: number }
export interface Finding { id: string; title: string; grade: 'pass' | 'warn' | 'fail'; evidence: string; why: string; fix: string }
export interface Checkup { at: number; version: string; grade: 'pass' | 'warn' | 'fail'; findings: Finding[] }
export interface Overview {
  place: Place; started_at: number; people: number; online: number; database_bytes: number; disk_free: number; disk_total: number;
  failed_sign_ins: number; lately: AuditEntry[];
}

export interface ConvEpoch { conversation_id: string; epoch: number }
export interface Manifest { user_id: string; version: number; manifest: string; epochs?: ConvEpoch[] }
export interface Vault { vault: string; vault_version: number }
export interface PrekeyCount { one_time: number; kem: number }
export interface Bundle { user_id: string; device_id: string; signed: string; one_time?: string; kem: string }

export interface Community { id: string; name: string; role: Role; created_at: number }
export interface CommunityMember { community_id: string; user: User; role: Role }
export interface Group { id: string; community_id: string; name: string; created_at: number }
export interface ChannelMember { user_id: string; admin: boolean }
export interface Channel {
  id: string; community_id: string; group_id: string; name: string; topic: string; visibility: 'public' | 'private';
  joined: boolean; epoch: number; n: number; members?: ChannelMember[]; read_seq: number; created_at: number;
}
export interface OpRecord { conversation_id: string; n: number; op: string; epochs?: ConvEpoch[]; manifests?: Manifest[] }
export interface Ops { ops: OpRecord[]; epoch: number; manifests: Manifest[] }
export interface DM { id: string; peer: User; epoch: number; read_seq: number; created_at: number; manifests?: Manifest[] }

export interface Envelope { user_id: string; device_id: string; envelope: string }
export interface NewMessage { message_id: string; epoch: number; ciphertext: string; envelopes: Envelope[] }
export interface Message {
  seq: number; conversation_id: string; message_id: string; sender_user: string; sender_device: string;
  epoch: number; ciphertext: string; envelope?: string; created_at: number;
}
export interface ReadMark { conversation_id: string; seq: number }
export interface Gone { community_id?: string; group_id?: string; conversation_id?: string; user_id?: string; epochs?: ConvEpoch[] }

export interface PresenceChange { user_id: string; presence: PresenceName }
export interface Typing { conversation_id: string; user_id: string }

export interface State {
  cursor: number; place: Place; me: Me; communities: Community[]; members: CommunityMember[]; groups: Group[]; channels: Channel[];
  ops: OpRecord[]; dms: DM[]; manifests: Manifest[]; presence: PresenceChange[];
}

export interface SessionNotice { what: string; agent?: string; network?: string; session?: string }

/** One row of the durable log: kind names the one field that is set. */
export interface Event {
  seq: number; kind: string; at: number;
  message?: Message; op?: OpRecord; manifest?: Manifest; user?: User; community?: Community; community_gone?: Gone;
  community_member?: CommunityMember; community_member_gone?: Gone; group?: Group; group_gone?: Gone;
  channel?: Channel; channel_gone?: Gone; dm?: DM; read?: ReadMark; session_notice?: SessionNotice;
}
export interface SyncPage { events: Event[]; cursor: number; more: boolean; reset?: boolean }

/** What the socket brings. */
export interface Frame {
  t: string; user_id?: string; device_id?: string; expires_at?: number; events?: Event[]; cursor?: number;
  typing?: Typing; presence?: PresenceChange; present?: PresenceChange[]; keys_low?: PrekeyCount;
}
