// The one calm line for what could not be opened: what it is and what to do. Codes are the core's refusals and our own.

const words: Readonly<Record<string, string>> = {
  no_key: 'This browser has no key for this message. It has asked for one, so what follows will be readable.',
  not_member: 'A message by somebody who is not a member here was left out.',
  device_removed: 'A message from a device that its owner has removed was left out.',
  unknown_device: 'A message from a device that its owner has not confirmed was left out.',
  forked_view: 'This message was written while the members were changing. Ask for it to be sent again.',
  too_far: 'Too many messages before this one are missing. Ask for it to be sent again.',
  version: 'This message needs a newer version of Chatalot. Reload the page to get it.',
  identity_changed: 'This message waits until you have accepted the new identity of its author.',
  unknown_type: 'Something this version of Chatalot cannot show. Reload the page to get a newer one.',
  missing: 'A message has not arrived. Ask for it to be sent again.',
  unknown_conversation: 'This message cannot be opened before the members of this conversation are known.',
};

const rest = 'A message that does not hold up to the checks was left out. Nothing you need to do.';

/** The line for a run of messages; codes in the order of the run. */
export function unreadableLine(codes: readonly string[]): string {
  const [first = ''] = codes;
  if (codes.length === 1) return words[first] ?? rest;
  const kind = codes.every((code) => code === first) ? first : '';
  if (kind === 'no_key') return `This browser has no keys for ${codes.length} messages. It has asked for them, so what follows will be readable.`;
  return `${codes.length} messages could not be opened on this device. If you miss something, ask for it to be sent again.`;
}
