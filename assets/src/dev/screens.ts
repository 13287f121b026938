import type { SecurityNotice, Stage } from '../model/types.ts';
import { openDialog, type DialogRequest } from '../view/dialogs/open.svelte.ts';
import { journey } from '../view/flow/journey.svelte.ts';
import { pages } from '../view/pages/pages.svelte.ts';
import { fixture } from './fixture.svelte.ts';
import { MadeUpAdmin } from './admin.ts';

const codes = ['q7mk-2xwd', 'h4tr-9pnc', 'z8vb-3kfa', 'm2dy-6swq', 'c5jn-7rgx', 't9ah-4zpe', 'w3ku-8mbd', 'x6fs-2vqn', 'p4gy-5ctr', 'd8ze-9hkm'];
const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const news: readonly SecurityNotice[] = [
  { id: 'sn1', what: 'signed_in', agent: 'Chrome on Windows', network: '198.51.100.0/24', at: Date.now() - 4_000_000 },
  { id: 'sn2', what: 'locked', agent: '', network: '', at: Date.now() - 90_000_000 },
  { id: 'sn3', what: 'refresh_reused', agent: 'Firefox on Linux', network: '203.0.113.0/24', at: Date.now() - 190_000_000 },
];

const stages: Record<string, (detail: string | undefined) => Stage> = {
  loading: () => ({ at: 'loading' }),
  setup: (detail) => ({ at: 'setup', token: detail === 'none' ? null : 'token' }),
  join: (detail) => ({ at: 'join', token: detail ?? 'valid' }),
  login: (detail) => ({ at: 'login', notice: detail === 'notice' ? 'You were signed out, because the password changed.' : null }),
  recover: () => ({ at: 'login', notice: null }),
  'two-step': () => ({ at: 'two-step', name: 'nora' }),
  reset: (detail) => ({ at: 'reset', token: detail ?? 'valid' }),
  key: () => ({ at: 'recovery-key' }),
  'new-key': () => ({ at: 'recovery-key' }),
  unlock: () => ({ at: 'unlock', notice: null }),
  unsupported: () => ({ at: 'unsupported', reason: 'This page was opened over an unprotected address. Encryption works only over https.' }),
};

const dialogs: Record<string, () => DialogRequest> = {
  confirm: () => ({ kind: 'prove', answer: () => undefined }),
  password: () => ({ kind: 'change-password' }),
  'two-step-setup': () => ({ kind: 'two-step-setup', begun: { secret, url: `otpauth://totp/Birch%20Lane:nora?secret=${secret}&issuer=Birch%20Lane` } }),
  'two-step-manage': () => ({ kind: 'two-step' }),
  'backup-codes': () => ({ kind: 'backup-codes', codes }),
  passkey: () => ({ kind: 'name-passkey', passkey: null }),
  'check-key': () => ({ kind: 'check-key' }),
  'make-key': () => ({ kind: 'new-key' }),
  'not-me': () => ({ kind: 'not-me', notice: news[0]! }),
  delete: () => ({ kind: 'delete-account' }),
};

/**
 * Picks the screen by the hash: one of the stages above (#login, #two-step, #recover, #reset, #reset=gone, #key, #new-key, #unlock, …), a page
 * (#settings/security, #settings, #admin/people), a dialog over the settings (#confirm, #two-step-setup, #backup-codes, #delete, …), or #chat,
 * #chat=<conversation id>; and words after a comma: admin, news, remind, bare (nothing guards the account), few, alone, nopasskeys, broken, slow,
 * open, offline, empty, following, whole (all 10,000 messages loaded).
 */
export function applyHash(hash: string): void {
  const [screen = 'chat', ...words] = decodeURIComponent(hash.replace('#', '')).split(',');
  const [at = 'chat', detail] = screen.split('=');
  const [area, section] = at.split('/');
  fixture.stage = stages[at]?.(detail) ?? { at: 'chat' };
  journey.kind = at === 'new-key' ? 'recover' : null;
  if (at === 'recover') journey.detour = 'recover';
  if (at === 'chat' && detail !== undefined) fixture.openConversation(detail);
  if (at === 'setup') fixture.place = { name: '', registration: 'closed', setUp: false };
  state(words);
  pages.close();
  if (area === 'settings' || area === 'admin') pages.open(area, section ?? null);
  const dialog = dialogs[at];
  if (dialog !== undefined) {
    pages.open('settings', 'security');
    openDialog(dialog());
  }
}

function state(words: readonly string[]): void {
  const { madeUpAccount: account } = fixture;
  if (words.includes('admin')) fixture.admin = new MadeUpAdmin();
  if (words.includes('news')) fixture.securityNotices = news;
  if (words.includes('bare')) account.set({ twoStep: false, backupCodes: 0, passkeys: [] });
  if (words.includes('few')) account.set({ backupCodes: 1 });
  if (words.includes('alone')) account.only(1);
  if (words.includes('nopasskeys')) account.passkeysWork = false;
  if (words.includes('broken')) account.broken = true;
  if (words.includes('slow')) account.wait = true;
  if (words.includes('open')) fixture.place = { name: 'Birch Lane', registration: 'open', setUp: true };
  if (words.includes('offline')) fixture.connection = 'offline';
  if (words.includes('whole')) fixture.loadEverything();
  if (words.includes('remind')) fixture.recoveryKeyUnconfirmed = true;
  if (words.includes('following')) fixture.following = true;
  if (words.includes('empty')) {
    fixture.communities = [];
    fixture.dms = [];
  }
}
