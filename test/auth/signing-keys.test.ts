import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { SigningKeys } from '../../src/auth/signing-keys.ts';
import type { Database } from '../../src/db.ts';
import { createLogger } from '../../src/log.ts';
import { createVault } from '../../src/vault.ts';
import { World } from '../live/world.ts';

/** The first key of an installation, wanted by several at once. */
let world: World;
beforeAll(async () => (world = await World.create()));
afterAll(() => world.drop());

const vault = createVault({
  current: { version: 1, secret: 's'.repeat(32) },
  older: [],
  randomBytes,
});
const clock = { now: () => new Date() };

test('whoever makes the first key signs with it, although somebody else began to look before it was there', async () => {
  let [looks, others] = [0, Promise.resolve<unknown>(null)];
  let [haveLooked, goOn] = [() => {}, () => {}];
  const otherHasLooked = new Promise<void>((resolve) => (haveLooked = resolve));
  const keyIsThere = new Promise<void>((resolve) => (goOn = resolve));
  const db = {
    lookUp: async (text: string, values: readonly unknown[]) => {
      const rows = await world.db.lookUp(text, values);
      looks += 1;
      if (looks === 2) {
        haveLooked();
        await keyIsThere;
      }
      return rows;
    },
    write: async (...given: Parameters<Database['write']>) => {
      if (looks === 1) others = keys.signer();
      await otherHasLooked;
      const written = await world.db.write(...given);
      setImmediate(goOn);
      return written;
    },
  } as unknown as Database;
  const keys = new SigningKeys({ db, vault, clock, log: createLogger('silent') });

  const mine = await keys.signer();
  expect(await others).toEqual(mine);
  expect(await world.db.lookUp('select kid from signing_keys', [])).toEqual([{ kid: mine.kid }]);
});
