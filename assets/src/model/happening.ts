import type { Happening } from './marks.ts';

/** The quiet line about what happened in a conversation; names are as they are now. */
export function happeningLine(happening: Happening, actor: { name: string; isMe: boolean }, targets: readonly { name: string; isMe: boolean }[]): string {
  const who = actor.isMe ? 'You' : actor.name;
  const whom = list(targets.map((one) => (one.isMe ? 'you' : one.name)));
  switch (happening.what) {
    case 'created':
      return `${who} created this channel`;
    case 'added':
      return `${who} added ${whom}`;
    case 'removed':
      return `${who} removed ${whom}`;
    case 'left':
      return `${who} left`;
    case 'joined':
      return `${who} joined`;
    case 'admin':
      return `${who} made ${whom} admin of this channel`;
    case 'unadmin':
      return `${whom === 'you' ? 'You are' : `${whom} is`} no longer admin of this channel`;
    case 'opened':
      return `${who} opened this channel to the whole community`;
    case 'closed':
      return `${who} made this channel private`;
    case 'identity':
      return `${who} has a new identity: the account was set up again. Compare in person that it is really ${who}.`;
    case 'refused_manifest':
      return `The place sent a device list of ${who} that does not hold up to the checks. It was refused; nothing changed.`;
    case 'linked':
      return 'Messages from before this browser was added are not here yet.';
    case 'forked':
      return 'The place sent a list of members that does not hold up to the checks. It was refused; nothing is sent here for now.';
  }
}

function list(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
