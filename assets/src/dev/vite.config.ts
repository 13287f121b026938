import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

// The screens with made-up data, for looking at them: npx vite --config src/dev/vite.config.ts, then /src/dev/index.html#chat.
// Never part of the bundle: vite.config.ts at the top does not know this folder.
const fixture = fileURLToPath(new URL('./fixture.svelte.ts', import.meta.url));

const standIn: Plugin = {
  name: 'stand-in-for-the-model',
  enforce: 'pre',
  resolveId: (source) => (/model\/app\.svelte(\.ts)?$/.test(source) ? fixture : null),
};

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  cacheDir: 'node_modules/.vite-dev',
  plugins: [standIn, svelte({ compilerOptions: { fragments: 'tree' } })],
  server: { host: 'localhost' },
});
