// SPEC.md section 9: membership of channels.
import { join, order, refuse, same, text, uint, type Bytes } from './bytes.ts';
import { hash } from './prim.ts';
import { ADD, ADMIN, CREATE, JOIN, LEAVE, MEMBER, POLICY, PUBLIC, REMOVE, ROLE, type Op } from './signed.ts';

/** Group is the state of 9.2. Members are roles by the base64url of the user. */
export type Group = { conv: Bytes; n: number; head: Bytes; policy: number; members: ReadonlyMap<string, number> };

/** follow applies an operation, whose signature was verified, to the state before it: null before the first. */
export function follow(group: Group | null, op: Op): Group {
  const next = group ? after(group, op) : created(op);
  const roles = [...next.members.values()];
  refuse(roles.length <= 1000, 'more than 1,000 members');
  refuse(roles.length === 0 || roles.includes(ADMIN), 'no admin would be left');
  return next;
}

const rolesOf = (op: Op) => op.targets.map(({ user, role }) => [text(user), role] as const);

function created(op: Op): Group {
  refuse(op.type === CREATE, 'create comes first');
  return { conv: op.conv, n: 0, head: op.hash, policy: op.policy, members: new Map(rolesOf(op)) };
}

function after(group: Group, op: Op): Group {
  refuse(op.type !== CREATE && same(op.group, group.conv) && op.n === group.n + 1 && same(op.previous, group.head), 'not what comes next in this channel');
  const members = new Map(group.members);
  const actor = text(op.actor);
  if (op.type === JOIN) refuse(group.policy === PUBLIC && !members.has(actor), 'may not join');
  else refuse(op.type === LEAVE ? members.has(actor) : members.get(actor) === ADMIN, 'may not do that');
  if (op.type === POLICY) refuse(op.policy !== group.policy, 'the policy it has');
  for (const [user, role] of rolesOf(op)) {
    refuse(members.has(user) === (op.type !== ADD), 'a target that is a member, or is none');
    refuse(op.type !== ROLE || members.get(user) !== role, 'the role it has');
    if (op.type === REMOVE) members.delete(user);
    else members.set(user, role);
  }
  if (op.type === JOIN) members.set(actor, MEMBER);
  if (op.type === LEAVE) members.delete(actor);
  return { ...group, n: op.n, head: op.hash, policy: op.type === POLICY ? op.policy : group.policy, members };
}

/** Member is a person as the state hash sees them: with the hash of their newest manifest. */
export type Member = { user: Bytes; role: number; manifest: Bytes };

/** stateHash is that of 9.4. */
export function stateHash(conv: Bytes, epoch: number, n: number, head: Bytes, members: readonly Member[]): Bytes {
  const each = [...members].sort((a, b) => order(a.user, b.user)).map(({ user, role, manifest }) => join(user, uint(role, 1), manifest));
  return hash('chatalot/state/v1\0', conv, uint(epoch, 8), uint(n, 8), head, ...each);
}

/** dmStateHash is that of two people, given the hashes of their newest manifests. */
export function dmStateHash(conv: Bytes, epoch: number, people: readonly { user: Bytes; manifest: Bytes }[]): Bytes {
  return stateHash(conv, epoch, 0, new Uint8Array(32), people.map((one) => ({ ...one, role: MEMBER })));
}
