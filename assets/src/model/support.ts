/** Why this browser cannot run the app, as a sentence with what to do; null when it can. */
export function missing(): string | null {
  if (!globalThis.isSecureContext) {
    return 'Browsers only encrypt on secure addresses. Open this place by its https:// address, or on the computer it runs on by http://localhost.';
  }
  const needed: [string, boolean][] = [
    ['WebAssembly', 'WebAssembly' in globalThis],
    ['storage on this device (IndexedDB)', 'indexedDB' in globalThis],
    ['locks between tabs', 'locks' in navigator],
    ['channels between tabs', 'BroadcastChannel' in globalThis],
    ['workers', 'Worker' in globalThis],
  ];
  const lacking = needed.filter(([, there]) => !there).map(([name]) => name);
  if (lacking.length === 0) return null;
  return `This browser lacks ${lacking.join(', ')}. A current Firefox, Chrome, Edge or Safari works; private windows of some browsers do not.`;
}
