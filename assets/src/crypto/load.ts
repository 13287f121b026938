import './generated/wasm_exec.js';
import coreURL from './generated/core.wasm?url';
import type { CoreModule } from './core.d.ts';
import { throwing } from './throwing.ts';

declare class Go {
  readonly importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<void>;
}

let loading: Promise<CoreModule> | null = null;

/** Fetches, compiles and starts the cryptographic core, once for this worker. died is called if it ever stops by itself. */
export function loadCore(died: () => void): Promise<CoreModule> {
  loading ??= start(died).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function start(died: () => void): Promise<CoreModule> {
  const go = new Go();
  const ready = new Promise<CoreModule>((resolve) => {
    globalThis.chatalotCoreReady = (module) => {
      performance.mark('core'); // for whoever measures how long it took
      resolve(throwing(module));
    };
  });
  const { instance } = await WebAssembly.instantiateStreaming(fetch(coreURL), go.importObject);
  void go.run(instance).then(died, died);
  return ready;
}
