// The API of the cryptographic core as assets/wasm/main.go exposes it: app/e2ee/core one to one. Bytes are Uint8Array, u64 are numbers (the
// core refuses values above 2^53), absent is null. Calls are synchronous and throw CoreError. What each call does, and when, is said at the
// method of the same name in app/e2ee/core/core.go.

/** 16 bytes. */
export type UserID = Uint8Array
/** 16 bytes. */
export type DeviceID = Uint8Array
/** 16 bytes, chosen at random by the sending client. */
export type MsgID = Uint8Array
/** 32 bytes. */
export type ConvID = Uint8Array

export type CoreErrorCode =
  | 'pending' | 'state' | 'random' | 'no_account' | 'account_exists' | 'recovery_code' | 'vault' | 'inactive_device'
  | 'too_many_devices' | 'unknown_user' | 'unknown_device' | 'unknown_conversation' | 'identity_changed' | 'not_member'
  | 'too_large' | 'need_bundles' | 'bad_bundle' | 'no_recipient' | 'bad_op' | 'old_op' | 'forked_view' | 'last_admin'
  | 'oneself' | 'bad_input'

/** What a call throws. message is a plain sentence for a person; user and device are set where the failure concerns one. */
export interface CoreError extends Error {
  code: CoreErrorCode
  user: UserID | null
  device: DeviceID | null
}

/** One change of the state: null removes the key. */
export interface Write {
  key: string
  value: Uint8Array | null
}

export interface Status {
  hasAccount: boolean
  user: UserID | null
  device: DeviceID | null
  manifestVersion: number
  active: boolean
  unusedOneTime: number
  unusedKEM: number
  signedPrekeyAge: number
}

export interface Created {
  recoveryCode: string
  manifest: Uint8Array
  vault: Uint8Array
  vaultVersion: number
  /** 32 bytes: goes to the place with the vault. */
  recovery: Uint8Array
  prekeys: Uint8Array[]
}

export interface Rekeyed {
  recoveryCode: string
  manifest: Uint8Array
  vault: Uint8Array
  vaultVersion: number
  recovery: Uint8Array
}

export interface Linked {
  manifest: Uint8Array
  prekeys: Uint8Array[]
}

export interface ConvEpoch {
  conv: ConvID
  epoch: number
}

export interface ManifestChange {
  kind: 'new' | 'same' | 'updated' | 'identity_changed' | 'refused'
  added: DeviceID[]
  removed: DeviceID[]
  version: number
  reason: string
}

/** role: 1 member, 2 admin. */
export interface Target {
  user: UserID
  role: number
}

/** policy: 1 private, 2 public. */
export interface Channel {
  members: Target[]
  policy: number
  n: number
  epoch: number
}

/** type: 1 create, 2 add, 3 remove, 4 role, 5 leave, 6 join, 7 policy. */
export interface OpChange {
  n: number
  type: number
  actor: UserID
  targets: Target[]
}

export interface Address {
  user: UserID
  device: DeviceID
}

export interface Bundle {
  user: UserID
  device: DeviceID
  signed: Uint8Array
  oneTime: Uint8Array | null
  kem: Uint8Array
}

export interface AddressedEnvelope {
  user: UserID
  device: DeviceID
  envelope: Uint8Array
}

export interface Sealed {
  epoch: number
  content: Uint8Array
  envelopes: AddressedEnvelope[]
}

export interface In {
  conv: ConvID
  msgID: MsgID
  senderUser: UserID
  senderDevice: DeviceID
  epoch: number
  content: Uint8Array
  envelope: Uint8Array | null
}

export type RefusalCode =
  | 'no_key' | 'not_member' | 'device_removed' | 'unknown_device' | 'forked_view' | 'bad_signature' | 'commitment' | 'malformed'
  | 'replay' | 'too_far' | 'version' | 'wrong_recipient' | 'identity_changed' | 'plaintext'

export interface Opened {
  status: 'ok' | 'late' | 'duplicate' | 'refused'
  /** Set with refused. */
  code: RefusalCode | ''
  /** Set with ok and late. */
  plaintext: Uint8Array | null
  sentAt: number
  counter: number
  missing: number
  unseen: boolean
  needKeyRequest: boolean
}

/** One device. After a call that changes something, pending() is what must be committed before the next such call. */
export interface Core {
  /** Always holds the key 'gen' (8 bytes, big-endian): the store refuses the commit unless it is one more than what is stored (N27). */
  pending(): Write[]
  commit(): void
  discard(): void

  status(): Status
  createAccount(user: UserID, device: DeviceID): Created
  recoverAccount(user: UserID, device: DeviceID, recoveryCode: string, vault: Uint8Array, manifest: Uint8Array): Linked
/** Needs no account on this device: 32 bytes for the place, in the stead of a forgotten password. */
  recoveryProof(recoveryCode: string): Uint8Array
  /** Throws recovery_code when it is not this account's. */
  checkRecoveryKey(recoveryCode: string, vault: Uint8Array, manifest: Uint8Array): void
  /** Keep recoveryCode durably before publishing the rest: once the vault is in force nothing else opens it. */
  changeRecoveryKey(recoveryCode: string, vault: Uint8Array, manifest: Uint8Array): Rekeyed
    removeDevice(device: DeviceID): Uint8Array
  topUp(oneTimeLeft: number, kemLeft: number): Uint8Array[]

  applyManifest(user: UserID, manifest: Uint8Array, epochs: ConvEpoch[]): ManifestChange
  acceptIdentity(user: UserID): void
  safetyNumber(user: UserID): string
  dmConversation(peer: UserID): ConvID

  loadDM(peer: UserID, epoch: number): void
  makeOp(conv: ConvID | null, type: number, policy: number, targets: Target[]): { op: Uint8Array; conv: ConvID }
  loadChannel(conv: ConvID, ops: Uint8Array[], epoch: number, read: number): Channel
  applyOp(conv: ConvID, op: Uint8Array, epoch: number): OpChange
  absent(conv: ConvID, absent: UserID[], epoch: number): void
  dropConversation(conv: ConvID): void
  channel(conv: ConvID): Channel

  sealPlan(conv: ConvID): Address[]
  seal(conv: ConvID, msgID: MsgID, plaintext: Uint8Array, bundles: Bundle[], excluded: DeviceID[]): Sealed
  abandon(conv: ConvID, msgID: MsgID): void
  keyRequested(conv: ConvID, user: UserID, device: DeviceID): void
  open(in_: In): Opened
  openMany(ins: In[]): Opened[]
}

/** What throwing() makes of the module that chatalotCoreReady receives: open makes the one Core from the whole stored state (empty on a new device). */
export interface CoreModule {
  open(state: { key: string; value: Uint8Array }[]): Core
}

declare global {
  /** Set by the worker before it starts core.wasm; called once when the module is ready. */
  var chatalotCoreReady: (module: object) => void
}
