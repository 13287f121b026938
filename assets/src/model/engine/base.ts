import type { Keystore } from '../../crypto/keystore.ts';
import type { Machine } from '../../crypto/machine.ts';
import type { Api } from '../../net/api.ts';
import type { News } from '../news.ts';
import type { Rows } from './rows.ts';
import type { World } from './world.ts';

/** What every part of the engine stands on while a person is signed in with keys. */
export interface Base {
  readonly me: string;
  readonly device: string;
  readonly store: Keystore;
  readonly machine: Machine;
  readonly api: Api;
  readonly world: World;
  readonly rows: Rows;
  tell(news: readonly News[]): void;
}

/** Commits what changed in the world, and tells it. */
export async function settle(base: Base): Promise<void> {
  await base.machine.run(
    () => undefined,
    () => base.world.changes(),
  );
  base.tell(base.world.news());
}
