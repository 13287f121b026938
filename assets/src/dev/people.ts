import type { Person, Presence } from '../model/types.ts';

function person(id: string, name: string, presence: Presence, isMe = false, state: Person['state'] = 'active'): Person {
  return { id, name, username: id, presence, isMe, state };
}

/** The one who looks at the screens. */
export const me = person('nora', 'Nora Lindqvist', 'online', true);

export const people: readonly Person[] = [
  me,
  person('tomas', 'Tomas Berg', 'online'),
  person('priya', 'Priya Raman', 'online'),
  person('ines', 'Ines Carvalho', 'online'),
  person('walt', 'Walt Jansen', 'away'),
  person('hana', 'Hana Sato', 'away'),
  person('maryam', 'مريم الحسيني', 'online'),
  person('samuel', 'Samuel Adeyemi-Okonkwo von Hohenstein-Wiesental', 'offline'),
  person('anna', 'Deleted account', 'offline', false, 'gone'),
  person('dele', 'Dele', 'offline', false, 'paused'),
  person('mei', '梅 奥卡福', 'offline'),
  person('britta', 'Britta Lindqvist', 'offline'),
  ...Array.from({ length: 24 }, (_, i) => person(`guest${i}`, `Rower number ${i + 1}`, i % 5 === 0 ? 'online' : 'offline')),
];

export function byId(id: string): Person {
  const found = people.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no made-up person ${id}`);
  return found;
}
