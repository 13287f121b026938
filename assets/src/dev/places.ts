import type { Community, Conversation, Group } from '../model/types.ts';
import { byId, me, people } from './people.ts';

const members = (count: number) => people.slice(0, count).map((person, i) => ({ person, admin: i < 2 }));

const plain: Conversation = {
  id: '',
  kind: 'channel',
  name: '',
  topic: '',
  visibility: 'public',
  communityId: null,
  groupId: null,
  peer: null,
  joined: true,
  admin: true,
  members: [],
  unread: 0,
  mentions: 0,
  muted: false,
  draft: null,
  last: null,
  typing: [],
  held: null,
};

function channel(groupId: string, communityId: string, id: string, more: Partial<Conversation> = {}): Conversation {
  return { ...plain, id, name: id, communityId, groupId, members: members(14), ...more };
}

function group(id: string, name: string, communityId: string, channels: readonly Conversation[]): Group {
  return { id, name, communityId, channels };
}

export function madeUpCommunities(now: number): readonly Community[] {
  const rowing = 'rowing';
  const many = Array.from({ length: 18 }, (_, i) => channel('boats', rowing, `boat-${i + 1}`, { unread: i % 4 === 0 ? i : 0 }));
  return [
    {
      id: rowing,
      name: 'Birch Lane Rowing',
      role: 'owner',
      members: people.map((person, i) => ({ person, role: i === 0 ? 'owner' : i < 3 ? 'admin' : 'member' })),
      groups: [
        group('general', 'General', rowing, [
          channel('general', rowing, 'announcements'),
          channel('general', rowing, 'boathouse', {
            unread: 12,
            last: { author: 'Walt', text: 'Who has the key?', at: now - 400_000, state: null },
          }),
          channel('general', rowing, 'regatta-planning', {
            topic: 'Autumn Head, 12 October: boats, crews, lifts',
            mentions: 1,
            unread: 3,
            typing: [byId('ines'), byId('walt')],
            last: { author: 'You', text: 'Anybody?', at: now, state: 'sending' },
          }),
          channel('general', rowing, 'training', { visibility: 'private', draft: { text: 'Tuesday at', replyTo: null } }),
          channel('general', rowing, 'lost-and-found', { muted: true, unread: 40 }),
          channel('general', rowing, 'a-channel-with-a-name-that-does-not-want-to-end-anywhere', { admin: false }),
          channel('general', rowing, 'newcomers', { joined: false, topic: 'Say hello', members: members(6) }),
          channel('general', rowing, 'committee', {
            held: {
              code: 'not_trusted',
              message: 'Sending waits: the list of members could not be checked yet. It goes on by itself when the place is reached.',
            },
          }),
        ]),
        group('boats', 'Boats', rowing, many),
        group('empty', 'Winter', rowing, []),
      ],
    },
    {
      id: 'family',
      name: 'Lindqvist family',
      role: 'member',
      members: [me, byId('britta'), byId('tomas')].map((person) => ({ person, role: person.id === 'britta' ? 'owner' : 'member' })),
      groups: [
        group('home', 'General', 'family', [
          channel('home', 'family', 'kitchen', {
            members: members(3),
            unread: 2,
            last: { author: 'Britta', text: 'Mum is here! Hello!', at: now - 90_000, state: null },
          }),
        ]),
      ],
    },
  ];
}

export function madeUpDMs(now: number): readonly Conversation[] {
  const dm = (id: string, more: Partial<Conversation> = {}): Conversation => {
    const peer = byId(id);
    return {
      ...plain,
      id: `dm-${id}`,
      kind: 'dm',
      visibility: 'private',
      name: peer.name,
      peer,
      admin: false,
      members: [
        { person: me, admin: false },
        { person: peer, admin: false },
      ],
      ...more,
    };
  };
  return [
    dm('tomas', { last: { author: 'Tomas', text: 'See you at six', at: now - 120_000, state: null }, unread: 1, mentions: 0 }),
    dm('maryam', { last: { author: 'مريم', text: 'صباح الخير', at: now - 3_600_000, state: null }, typing: [byId('maryam')] }),
    dm('samuel', { last: { author: 'You', text: 'The invoice is paid.', at: now - 90_000_000, state: 'waiting' } }),
    dm('priya', {
      held: {
        code: 'identity_changed',
        message:
          "Priya Raman's keys changed. Usually that means a new phone or a fresh install. Check with them before you share anything private.",
      },
    }),
    dm('dele', { held: { code: 'person_paused', message: 'Dele’s account is paused, so nothing can be sent. What you wrote to each other stays readable.' } }),
    dm('anna', { held: { code: 'person_gone', message: 'This account was deleted, so nothing can be sent. What you wrote to each other stays readable.' } }),
    dm('hana', { draft: { text: 'I wanted to ask whether', replyTo: null }, last: null }),
  ];
}
