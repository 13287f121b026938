import type { Id } from './types.ts';

// What people say to each other, as JSON inside the encrypted content. Edits, deletions and reactions are messages of their own that name their
// target; whether they may is decided where they are applied (marks.ts).

/**
 * An event a person made; key_request and session are made by their device: the first asks another one for its key, the second says nothing and
 * is only there to carry a key. unknown is whatever this version cannot read.
 */
export type Content =
  | { type: 'text'; text: string; reply_to?: Id; mentions: readonly Id[] }
  | { type: 'edit'; target: Id; text: string; mentions: readonly Id[] }
  | { type: 'delete'; target: Id }
  | { type: 'react'; target: Id; emoji: string; on: boolean }
  | { type: 'key_request'; device: Id }
  | { type: 'session' }
  | { type: 'unknown' };

/** The longest text of one message, in UTF-16 units; as JSON in UTF-8 it stays below what one message can carry. */
export const longestText = 16_000;

/** What goes into the envelope. */
export function encode(content: Content): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(content));
}

/** Reads what somebody's device sealed; anything out of shape is unknown. */
export function decode(bytes: Uint8Array): Content {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return { type: 'unknown' };
  }
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? shape(json as Record<string, unknown>) : { type: 'unknown' };
}

function shape(json: Record<string, unknown>): Content {
  const { type, text, target, mentions } = json;
  if (type === 'text' && isText(text)) {
    const reply = json['reply_to'];
    return { type, text, mentions: ids(mentions), ...(isId(reply) ? { reply_to: reply } : {}) };
  }
  if (type === 'edit' && isId(target) && isText(text)) return { type, target, text, mentions: ids(mentions) };
  if (type === 'delete' && isId(target)) return { type, target };
  if (type === 'react' && isId(target) && isEmoji(json['emoji']) && typeof json['on'] === 'boolean') {
    return { type, target, emoji: json['emoji'], on: json['on'] };
  }
  if (type === 'session') return { type };
  if (type === 'key_request' && isId(json['device'])) return { type, device: json['device'] };
  return { type: 'unknown' };
}

/** Whether it is one emoji and nothing else. */
export function isEmoji(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > 40 || /[\p{L}\s<>&]/u.test(value)) return false;
  return /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3/u.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestText && value.trim() !== '';
}

function isId(value: unknown): value is Id {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{22}$/.test(value);
}

function ids(value: unknown): readonly Id[] {
  return Array.isArray(value) ? [...new Set(value.filter(isId))].slice(0, 100) : [];
}

/** Who of these people is spoken to by @name; names inside code do not count. */
export function mentionsIn(text: string, people: readonly { id: Id; username: string }[]): Id[] {
  const spoken = text.replace(/```[\s\S]*?(```|$)|`[^`\n]*`/g, ' ');
  const names = new Set<string>();
  for (const [, name] of spoken.matchAll(/(?<![\p{L}\p{N}_.@/-])@([a-z0-9_.-]{3,32})/giu)) {
    names.add(name!.toLowerCase());
    names.add(name!.toLowerCase().replace(/[.-]+$/, '')); // the full stop after a name
  }
  return people.filter((person) => names.has(person.username)).map((person) => person.id);
}
