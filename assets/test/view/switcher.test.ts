import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Community, Conversation, Person } from '../../src/model/types.ts';
import { find, targets } from '../../src/view/chat/switcher.ts';

const person = (id: string, name: string): Person => ({ id, name, username: id, presence: 'online', isMe: id === 'me', state: 'active' });
const plain: Conversation = {
  id: '', kind: 'channel', name: '', topic: '', visibility: 'public', communityId: 'c', groupId: 'g', peer: null, joined: true, admin: false,
  members: [], unread: 0, mentions: 0, muted: false, draft: null, last: null, typing: [], held: null,
};
const channel = (name: string, more: Partial<Conversation> = {}): Conversation => ({ ...plain, id: name, name, ...more });
const dm = (peer: Person): Conversation => ({ ...plain, id: `dm-${peer.id}`, kind: 'dm', name: peer.name, peer, communityId: null });
const tomas = person('tomas', 'Tomas Berg');
const ines = person('ines', 'Ines Carvalho');
const rowing: Community = { id: 'c', name: 'Rowing', role: 'member', groups: [], members: [] };

const all = targets([channel('boathouse'), channel('regatta', { mentions: 1, unread: 4 }), dm(tomas)], [channel('newcomers', { joined: false })], [tomas, ines, person('me', 'Me')], [rowing]);

test('everything one can go to is there once, oneself is not', () => {
  assert.deepEqual(all.map((one) => one.key), ['boathouse', 'regatta', 'dm-tomas', 'ines', 'newcomers', 'c']);
});

test('without letters what waits comes first', () => {
  assert.deepEqual(find('', all, 3).map(({ one }) => one.key), ['regatta', 'boathouse', 'dm-tomas']);
});

test('names are found by letters, with or without their sign', () => {
  assert.equal(find('#rgt', all, 5)[0]?.one.key, 'regatta');
  assert.equal(find('@tom', all, 5)[0]?.one.key, 'dm-tomas');
  assert.deepEqual(find('nobody at all', all, 5), []);
});

test('a sign-in name is found too, after names', () => {
  const walt = person('waldemar', 'Walt');
  const found = find('waldemar', targets([], [], [walt], []), 5);
  assert.deepEqual(found.map(({ one }) => one.key), ['waldemar']);
});
