import type { NewPasskey, PasskeyAssertion } from '../../net/wire.ts';
import type { Draft } from '../types.ts';
import type { Admin } from './admin.ts';
import type { Engine } from './engine.ts';

type AdminChange = Parameters<Admin['change']>[1];

/** What tabs may ask of the engine. Everything crosses a BroadcastChannel: plain values in, plain values out. */
export function actions(engine: Engine) {
  const admin = async (): Promise<Admin> => new (await import('./admin.ts')).Admin(engine.api); // few look after a place

  return {
    snapshot: async () => engine.snapshot(),

    setup: (input: Parameters<Engine['setup']>[0]) => engine.setup(input),
    register: (input: Parameters<Engine['register']>[0]) => engine.register(input),
    login: (input: Parameters<Engine['login']>[0]) => engine.login(input),
    secondStep: (input: Parameters<Engine['secondStep']>[0]) => engine.secondStep(input),
    cancelSignIn: async () => engine.cancelSignIn(),
    recover: (input: Parameters<Engine['recover']>[0]) => engine.recover(input),
    previewReset: (token: string) => engine.previewReset(token),
    reset: (input: Parameters<Engine['reset']>[0]) => engine.reset(input),
    passkeyOptions: () => engine.passkeyOptions(),
    loginByPasskey: (passkey: PasskeyAssertion) => engine.loginByPasskey(passkey),
    logout: () => engine.logout(),
    unlock: (recoveryKey: string) => engine.unlock(recoveryKey),
    previewInvite: (token: string) => engine.previewInvite(token),
    acceptInvite: (token: string) => engine.home.places.acceptInvite(token),
    recoveryConfirmed: () => engine.recoveryConfirmed(),
    postponeRecovery: () => engine.postponeRecovery(),
    enterChat: async () => {
      engine.enterChat();
      return engine.landing();
    },

    activity: async () => engine.home.activity(),
    check: async () => engine.home.check(),
    network: async (there: boolean) => engine.home.network(there),

    open: (conv: string) => engine.home.talk.open(conv),
    older: (conv: string, before: number) => engine.home.talk.older(conv, before),
    newer: (conv: string, after: number) => engine.home.talk.newer(conv, after),
    around: (conv: string, id: string) => engine.home.talk.around(conv, id),
    read: (conv: string) => engine.home.talk.read(conv),
    typing: (conv: string) => engine.home.talk.typing(conv),
    draft: (conv: string, draft: Draft | null) => engine.home.talk.draft(conv, draft),
    mute: (conv: string, muted: boolean) => engine.home.talk.mute(conv, muted),

    send: (conv: string, id: string, text: string, replyTo: string | null) => engine.home.talk.send(conv, id, text, replyTo),
    edit: (conv: string, id: string, target: string, text: string) => engine.home.talk.edit(conv, id, target, text),
    remove: (conv: string, id: string, target: string) => engine.home.talk.remove(conv, id, target),
    react: (conv: string, id: string, target: string, emoji: string, on: boolean) => engine.home.talk.react(conv, id, target, emoji, on),
    retry: (conv: string, id: string) => engine.home.outbox.retry(conv, id),
    discard: (conv: string, id: string) => engine.home.outbox.discard(conv, id),

    openDM: (person: string) => engine.home.talk.openDM(person),
    acceptIdentity: (person: string) => engine.home.acceptIdentity(person),
    safetyNumber: async (person: string) => engine.home.membership.safetyNumber(person),

    createCommunity: (name: string) => engine.home.places.createCommunity(name),
    renameCommunity: (id: string, name: string) => engine.home.places.renameCommunity(id, name),
    leaveCommunity: (id: string) => engine.home.places.leaveCommunity(id),
    removeFromCommunity: (id: string, person: string) => engine.home.places.removeFromCommunity(id, person),
    setCommunityRole: (id: string, person: string, role: 'admin' | 'member') => engine.home.places.setCommunityRole(id, person, role),
    createGroup: (community: string, name: string) => engine.home.places.createGroup(community, name),
    renameGroup: (id: string, name: string) => engine.home.places.renameGroup(id, name),
    deleteGroup: (id: string) => engine.home.places.deleteGroup(id),
    createChannel: (input: { groupId: string; name: string; topic: string; visibility: 'public' | 'private'; members: readonly string[] }) =>
      engine.home.places.createChannel(input),
    changeChannel: (id: string, change: { name?: string; topic?: string }) => engine.home.places.changeChannel(id, change),
    deleteChannel: (id: string) => engine.home.places.deleteChannel(id),
    joinChannel: (id: string) => engine.home.places.joinChannel(id),
    leaveChannel: (id: string) => engine.home.places.leaveChannel(id),
    addToChannel: (id: string, people: readonly string[]) => engine.home.places.addToChannel(id, people),
    removeFromChannel: (id: string, person: string) => engine.home.places.removeFromChannel(id, person),
    setChannelAdmin: (id: string, person: string, admin: boolean) => engine.home.places.setChannelAdmin(id, person, admin),
    createInvite: (input: { communityId: string; uses: number; days: number; role: 'admin' | 'member' }) => engine.home.places.createInvite(input),
    listInvites: (community: string) => engine.home.places.listInvites(community),
    revokeInvite: (id: string) => engine.home.places.revokeInvite(id),
    changeName: (name: string) => engine.home.places.changeName(name),

    security: () => engine.account.security(),
    confirm: (by: { password: string } | { passkey: PasskeyAssertion }) => engine.account.confirm(by),
    changePassword: (password: string) => engine.account.changePassword(password),
    beginTwoStep: () => engine.account.beginTwoStep(),
    confirmTwoStep: (code: string) => engine.account.confirmTwoStep(code),
    endTwoStep: () => engine.account.endTwoStep(),
    newBackupCodes: () => engine.account.newBackupCodes(),
    newPasskeyOptions: () => engine.account.passkeyOptions(),
    addPasskey: (passkey: NewPasskey) => engine.account.addPasskey(passkey),
    renamePasskey: (id: string, name: string) => engine.account.renamePasskey(id, name),
    removePasskey: (id: string) => engine.account.removePasskey(id),
    sessions: () => engine.account.sessions(),
    endSession: (id: string) => engine.account.endSession(id),
    endOtherSessions: () => engine.account.endOtherSessions(),
    checkRecoveryKey: (key: string) => engine.checkRecoveryKey(key),
    changeRecoveryKey: (old: string) => engine.changeRecoveryKey(old),
    handOver: (community: string, person: string) => engine.home.places.handOver(community, person),
    deleteAccount: () => engine.deleteAccount(),
    dismissNotice: (id: string) => engine.home.notices.dismiss(id),

    adminOverview: async () => (await admin()).overview(),
    adminCheckup: async (again: boolean) => (await admin()).checkup(again),
    adminUsers: async () => (await admin()).users(),
    adminChange: async (user: string, change: AdminChange) => (await admin()).change(user, change),
    adminResetLink: async (user: string, twoStep: boolean) => (await admin()).resetLink(user, twoStep),
    adminRegistration: async (mode: 'invite_only' | 'open' | 'closed') => engine.placeChanged(await (await admin()).setRegistration(mode)),
    adminInvites: async () => (await admin()).invites(),
    adminRevoke: async (id: string) => (await admin()).revokeInvite(id),
    adminAudit: async (before: number | null) => (await admin()).audit(before),
  };
}

/** The names, arguments and answers of what tabs may ask. */
export type Actions = ReturnType<typeof actions>;
