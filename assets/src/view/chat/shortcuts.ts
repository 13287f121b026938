/** The keys that work wherever one is. What belongs to a message or to the composer is handled there. */
import { app } from '../../model/app.svelte.ts';
import { openDialog } from '../dialogs/open.svelte.ts';
import { hasCommand, inField } from './keys.ts';
import { nav } from './nav.svelte.ts';
import { ui } from './ui.svelte.ts';

export function shortcut(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  if (switcher(event) || (!isCovered() && (mute(event) || walk(event) || escape(event) || help(event)))) event.preventDefault();
  else if (!isCovered()) typeOn(event);
}

/** A dialog, a menu or a picker lies on top and has its own keys. */
function isCovered(): boolean {
  return document.querySelector('dialog[open], [popover]:popover-open:not(.toasts, .tooltip)') !== null;
}

function switcher(event: KeyboardEvent): boolean {
  if (!hasCommand(event) || event.shiftKey || event.altKey || event.key.toLowerCase() !== 'k') return false;
  if (ui.overlay?.kind === 'switcher') ui.close();
  else if (document.querySelector('dialog[open]') === null) ui.show({ kind: 'switcher' });
  return true;
}

function mute(event: KeyboardEvent): boolean {
  if (!hasCommand(event) || !event.shiftKey || event.key.toLowerCase() !== 'm' || app.current === null) return false;
  const { id, muted, name } = app.current;
  app.setMuted(id, !muted);
  app.toast(muted ? `${name} is not muted any more` : `${name} is muted`, { label: 'Undo', run: () => app.setMuted(id, muted) });
  return true;
}

function walk(event: KeyboardEvent): boolean {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!event.altKey || event.ctrlKey || event.metaKey || (by !== 1 && by !== -1)) return false;
  nav.step(by, event.shiftKey);
  return true;
}

function escape(event: KeyboardEvent): boolean {
  if (event.key !== 'Escape' || app.current === null) return false;
  if (ui.room === 'tablet' && ui.side) ui.toggleSide(false);
  else ui.jumpToPresent();
  return true;
}

function help(event: KeyboardEvent): boolean {
  if (event.key !== '?' || inField(event) || hasCommand(event)) return false;
  openDialog({ kind: 'shortcuts' });
  return true;
}

/** Whoever just starts to write means the composer. */
function typeOn(event: KeyboardEvent): void {
  const plain = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (plain && event.target === document.body && app.current !== null) ui.compose();
}
