import { AsyncLocalStorage } from 'node:async_hooks';

import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';

import type { Loan, Reader } from './db.ts';
import { PrismaClient } from './generated/prisma/client.ts';

/**
 * Prisma joins the request's own snapshot: its client never opens a connection, it is lent the one the request's reader holds, so
 * that row-level security, the snapshot and the count of statements hold for every field, whoever reads it.
 */
const lent = new AsyncLocalStorage<Reader>();

/** A pool that has no connections of its own. Begin and commit are the reader's business. */
class LendingPool extends pg.Pool {
  override async connect(): Promise<never> {
    const reader = lent.getStore();
    if (!reader) throw new Error('Prisma was used outside a request.');
    return lendClient(await reader.lend()) as never;
  }
}

const TRANSACTION_CONTROL = /^\s*(begin|commit|rollback|set transaction)/i;

function lendClient({ client, tellOf, giveBack }: Loan) {
  return {
    query: (query: unknown, values?: unknown) => {
      const text = typeof query === 'string' ? query : (query as { text: string }).text;
      if (TRANSACTION_CONTROL.test(text)) return Promise.resolve({ rows: [], fields: [], rowCount: 0, command: '' });
      tellOf(text);
      return (client.query as (query: unknown, values?: unknown) => Promise<unknown>)(query, values);
    },
    on: () => undefined,
    once: () => undefined,
    removeListener: () => undefined,
    release: giveBack,
  };
}

let shared: PrismaClient | null = null;

// Made when first used, so that importing the schema opens nothing.
function client(): PrismaClient {
  shared ??= new PrismaClient({ adapter: new PrismaPg(new LendingPool(), { disposeExternalPool: false }) });
  return shared;
}

// Ours are the request's deadline and the statement time-out: a snapshot that is paused for an outside call is waited for.
const WAITS = { maxWait: 60_000, timeout: 60_000 };

type Delegate = Record<string, (args: unknown) => Promise<unknown>>;

/** A Prisma client whose every call runs in the reader's snapshot. Reads only: the transaction is read only. */
export function prismaOver(reader: Reader): PrismaClient {
  return new Proxy({} as PrismaClient, {
    // Pothos looks whether there is a model before it asks for it.
    has: (_target, model) => model in client(),
    get(_target, model: string) {
      return new Proxy({} as Delegate, {
        get(_delegate, method: string) {
          return (args: unknown) =>
            lent.run(reader, () =>
              client().$transaction((tx) => (tx as unknown as Record<string, Delegate>)[model]![method]!(args), WAITS),
            );
        },
      });
    },
  });
}
