import type { Message, Person } from '../model/types.ts';
import { byId, me } from './people.ts';

const minute = 60_000;

function blank(id: string, conversationId: string, author: Person, at: number, text: string): Message {
  return {
    id,
    conversationId,
    author,
    at,
    kind: 'text',
    text,
    replyTo: null,
    reactions: [],
    editedAt: null,
    deletedBy: null,
    mentionsMe: false,
    state: author.isMe ? 'sent' : null,
    failure: null,
    late: false,
  };
}

const chatter = [
  'Morning on the water was flat as a plate.',
  'Who has the key to the boathouse?',
  'I do. Back at six.',
  'Bring the long tape, please.',
  'The second shell needs **new rigger bolts**, see [the list](https://example.org/list).',
  'On my way.',
  'Great, thank you all.',
  'Could somebody look at the trailer lights? They flicker whenever the road is wet, and last time we had to stop twice to push the plug back in.',
];

/** A long history, made message by message, so that ten thousand cost nothing until they are looked at. */
export function historyMessage(conversationId: string, index: number, total: number, now: number): Message {
  const authors = ['tomas', 'priya', 'ines', 'nora', 'walt', 'samuel'];
  const at = now - (total - index) * 11 * minute - 40 * minute;
  const author = byId(authors[Math.floor(index / 3) % authors.length] ?? 'tomas');
  return blank(`${conversationId}-h${index}`, conversationId, author, at, chatter[index % chatter.length] ?? '');
}

/** The newest messages of a conversation: every state a message can be in. */
export function newestMessages(conversationId: string, now: number): readonly Message[] {
  const say = (n: number, who: string, minutesAgo: number, text: string, more: Partial<Message> = {}): Message => ({
    ...blank(`${conversationId}-n${n}`, conversationId, byId(who), now - minutesAgo * minute, text),
    ...more,
  });
  const tomas = byId('tomas'),
    priya = byId('priya'),
    ines = byId('ines');
  return [
    say(1, 'priya', 38, 'Nora added Tomas', { kind: 'event' }),
    say(
      2,
      'tomas',
      36,
      'Has anybody seen the weather for Sunday?\n\n> Wind from the west, 18 km/h\n\n1. Bring jackets\n2. Tie the covers\n   - both of them',
    ),
    say(3, 'ines', 35, '`cox --loud` and then\n\n```sh\nfor i in $(seq 8); do\n  echo "seat $i, ready"\ndone\n```', {
      reactions: [
        { emoji: '😂', by: [tomas, priya], mine: false },
        { emoji: '👍', by: [me, priya, ines], mine: true },
      ],
    }),
    say(
      4,
      'ines',
      34,
      'Second line of the same breath, *italic*, **bold**, ~~struck~~ and a very long word: Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
    ),
    say(5, 'maryam', 30, 'صباح الخير، سأحضر القهوة يوم الأربعاء'),
    say(6, 'priya', 27, 'I will be there at eight.', { editedAt: now - 26 * minute }),
    say(7, 'walt', 24, '', { deletedBy: byId('walt') }),
    say(8, 'tomas', 20, '@nora do you still have the spare cox box?', { mentionsMe: true }),
    say(9, 'nora', 18, 'Yes, charging on the kitchen table.', {
      replyTo: { id: `${conversationId}-n8`, author: tomas, text: '@nora do you still have the spare cox box?', deleted: false },
    }),
    say(10, 'samuel', 15, 'This message could not be opened. It was sealed for a device that is gone; ask Samuel to send it again.', {
      kind: 'unreadable',
    }),
    say(11, 'hana', 12, 'Sent from an older membership.', { late: true }),
    {
      ...say(12, 'dele', 10, 'Wind 14 km/h, gusts 22 km/h'),
      kind: 'webhook',
      author: { id: 'hook', name: 'hook: weather', username: 'hook', presence: 'offline', isMe: false, state: 'active' },
    },
    say(13, 'nora', 6, 'I can bring it on Wednesday, plus coffee for ten.', {
      state: 'failed',
      failure: 'Not sent. The place did not answer. Try again, or delete it.',
    }),
    say(14, 'nora', 3, 'Who needs a lift from the station?', { state: 'waiting' }),
    say(15, 'nora', 0, 'Anybody?', { state: 'sending' }),
  ];
}
