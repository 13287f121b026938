import { app } from '../../model/app.svelte.ts';
import type { Community, Conversation, Group, Person } from '../../model/types.ts';
import { openDialog } from './open.svelte.ts';

// The questions before what cannot be undone. Each names what is lost.

export function askLeaveChannel(channel: Conversation, then: () => void = () => undefined): void {
  const back =
    channel.visibility === 'public'
      ? 'You can join again, but what is written in between you will not see.'
      : 'You can come back only when somebody adds you again.';
  openDialog({
    kind: 'confirm',
    title: `Leave ${channel.name}?`,
    body: `Its messages stay readable on this device until you delete them. ${back}`,
    action: 'Leave channel',
    keep: 'Stay',
    run: async () => {
      await app.leaveChannel(channel.id);
      then();
    },
  });
}

export function askDeleteChannel(channel: Conversation): void {
  openDialog({
    kind: 'confirm',
    title: `Delete ${channel.name} for everybody?`,
    body: 'Every message in it goes with it, on every device. There is no way back.',
    action: 'Delete channel',
    keep: 'Keep it',
    run: () => app.deleteChannel(channel.id),
  });
}

export function askRemoveFromChannel(channel: Conversation, person: Person): void {
  openDialog({
    kind: 'confirm',
    title: `Remove ${person.name} from ${channel.name}?`,
    body:
      channel.visibility === 'public'
        ? 'Nothing new reaches them, unless they join again: anyone in the community may. What they have read already stays on their devices.'
        : 'Nothing new reaches them from now on. What they have read already stays on their devices.',
    action: 'Remove',
    keep: 'Keep',
    run: () => app.removeFromChannel(channel.id, person.id),
  });
}

export function askRemoveFromCommunity(community: Community, person: Person): void {
  openDialog({
    kind: 'confirm',
    title: `Remove ${person.name} from ${community.name}?`,
    body: 'They leave every channel of it and see nothing new. What they have read already stays on their devices. They come back only by a new invitation.',
    action: 'Remove',
    keep: 'Keep',
    run: () => app.removeFromCommunity(community.id, person.id),
  });
}

export function askLeaveCommunity(community: Community, then: () => void = () => undefined): void {
  openDialog({
    kind: 'confirm',
    title: `Leave ${community.name}?`,
    body: 'You leave all of its channels. You come back only by a new invitation.',
    action: 'Leave community',
    keep: 'Stay',
    run: async () => {
      await app.leaveCommunity(community.id);
      then();
    },
  });
}

export function askDeleteGroup(group: Group): void {
  openDialog({
    kind: 'confirm',
    title: `Delete the group ${group.name}?`,
    body: 'Only the heading goes. It has no channels, so no message is lost.',
    action: 'Delete group',
    keep: 'Keep it',
    run: () => app.deleteGroup(group.id),
  });
}

export function askSignOut(unkept: boolean): void {
  const lost =
    'The keys and the messages on this device are removed. You need your password and your recovery key to come back here, ' +
    'and older messages do not come with you.';
  openDialog({
    kind: 'confirm',
    title: 'Sign out on this device?',
    body: unkept ? `You have not kept your recovery key yet. Without it, you cannot come back to your messages. ${lost}` : lost,
    action: 'Sign out',
    keep: 'Stay signed in',
    run: () => app.logout(),
  });
}
