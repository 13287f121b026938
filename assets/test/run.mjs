// Runs test/**/*.test.ts: `node test/run.mjs`, or only the files whose path holds one of the words given. Each is bundled
// first, since Node reads TypeScript by itself only from version 22 on and then not all of it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const words = process.argv.slice(2);
const files = readdirSync(import.meta.dirname, { recursive: true })
  .filter((path) => path.endsWith('.test.ts') && (words.length === 0 || words.some((word) => path.includes(word))))
  .sort();
if (files.length === 0) {
  console.error(`no test file under assets/test matches ${words.join(' or ') || '*.test.ts'}`);
  process.exit(1);
}

// What Vite serves by its address lies on the disk here.
const byAddress = {
  name: 'address',
  setup: (bundler) => {
    bundler.onResolve({ filter: /\?url$/ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path.slice(0, -'?url'.length)), namespace: 'address' }));
    bundler.onLoad({ filter: /.*/, namespace: 'address' }, ({ path }) => ({ contents: JSON.stringify(path), loader: 'json' }));
  },
};

const out = mkdtempSync(join(tmpdir(), 'chatalot-test-'));
try {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: files.map((path) => join('test', path)),
    outdir: out,
    outbase: 'test',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    metafile: true,
    plugins: [byAddress],
    logLevel: 'warning',
  });
  const bundles = Object.keys(metafile.outputs).map((path) => join(root, path)).sort();
  process.exitCode = await run(['--enable-source-maps', '--test', '--test-reporter=spec', ...bundles]);
} catch (fault) {
  if (!fault.errors) throw fault; // esbuild has already told its own
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}

/** run starts Node from the assets folder and resolves to its exit code, 1 if a signal ended it. */
function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
