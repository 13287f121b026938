import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The shell must run under "style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; require-trusted-types-for 'script'": nothing is
// inlined into index.html or a data URL, and Svelte builds its fragments node by node instead of through innerHTML.
export default defineConfig({
  plugins: [svelte({ compilerOptions: { fragments: 'tree' } })],
  build: {
    outDir: 'dist',
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    cssTarget: 'es2022',
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: { host: 'localhost', proxy: { '/api': { target: 'http://localhost:8080', ws: true } } },
});
