import type { Draft } from '../types.ts';
import type { Engine } from './engine.ts';

/** What tabs may ask of the engine. Everything crosses a BroadcastChannel: plain values in, plain values out. */
export function actions(engine: Engine) {
  return {
    snapshot: async () => engine.snapshot(),

    setup: (input: Parameters<Engine['setup']>[0]) => engine.setup(input),
    register: (input: Parameters<Engine['register']>[0]) => engine.register(input),
    login: (input: Parameters<Engine['login']>[0]) => engine.login(input),
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
    createInvite: (input: { communityId: string; uses: number; days: number }) => engine.home.places.createInvite(input),
    listInvites: (community: string) => engine.home.places.listInvites(community),
    revokeInvite: (id: string) => engine.home.places.revokeInvite(id),
    changeName: (name: string) => engine.home.places.changeName(name),
  };
}

/** The names, arguments and answers of what tabs may ask. */
export type Actions = ReturnType<typeof actions>;
