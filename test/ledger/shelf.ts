import { randomBytes, randomUUID } from 'node:crypto';

import pg from 'pg';

import { Database, type Transaction } from '../../src/db.ts';
import type { LedgerAccountKind } from '../../src/domain/ledger.ts';
import { createIdSource } from '../../src/ids.ts';
import { holdLedger, postLedger, type HoldEnd, type Posting } from '../../src/ledger.ts';
import type { TestDatabase } from '../helpers/database.ts';

export const TENANT = '00000000-0000-4000-8000-00000000a001';
export const OTHER_TENANT = '00000000-0000-4000-8000-00000000a002';
export const [ANNA, BADR] = ['00000000-0000-4000-8000-00000000c001', '00000000-0000-4000-8000-00000000c002'] as const;

/** A ledger without the rest of the product: postings through the application's own functions, at any time. */
export interface Shelf {
  readonly app: Database;
  /** How often a write was begun: more often than there were writes where one was the victim of a deadlock. */
  attempts: number;
  write<T>(work: (tx: Transaction) => Promise<T>, tenantId?: string): Promise<T>;
  /** As the owner of the tables, one connection, so that transactions can be opened by hand. */
  readonly owner: pg.Client;
  post(posting: Omit<Posting, 'subjectId'> & { subjectId?: string }, more?: PostOptions): Promise<void>;
  hold(hold: {
    id?: string;
    customerId?: string;
    amountMinor: bigint;
    kind?: LedgerAccountKind;
    expiresAt?: Date | null;
  }): Promise<string>;
  end(holdId: string, outcome: HoldEnd['outcome']): Promise<void>;
  fault(
    tenantId?: string,
  ): Promise<{ fault: string; account_id: string; transaction_id: string; detail: string } | null>;
  close(): Promise<void>;
}

interface PostOptions {
  readonly customerId?: string;
  readonly at?: Date;
  readonly tenantId?: string;
  readonly ends?: readonly HoldEnd[];
}

export async function openShelf(database: TestDatabase): Promise<Shelf> {
  const app = new Database({
    url: database.appUrl,
    poolSize: 4,
    acquireTimeoutMs: 20_000,
    statementTimeoutMs: 60_000,
    applicationName: 'ledger-tests',
    nowMs: () => performance.now(),
  });
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  for (const [id, slug] of [
    [TENANT, 'shelf'],
    [OTHER_TENANT, 'neighbour'],
  ]) {
    await owner.query(
      `insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at) values ($1, $2, $2, 'EGP', '{}', '{}', now())`,
      [id, slug],
    );
  }
  const keeping = (at: Date) => {
    const clock = { now: () => at };
    return { clock, newId: createIdSource(clock, randomBytes) };
  };
  const shelf: Shelf = {
    app,
    owner,
    attempts: 0,
    write: (work, tenantId = TENANT) =>
      app.write({ tenantId, customerId: null }, (tx) => {
        shelf.attempts += 1;
        return work(tx);
      }),
    async post(posting, { customerId = ANNA, at = new Date(), tenantId, ends = [] } = {}) {
      const postings = [{ subjectId: randomUUID(), ...posting }];
      await shelf.write(async (tx) => postLedger(tx, keeping(at), customerId, { postings, ends }), tenantId);
    },
    async hold({ id = randomUUID(), customerId = ANNA, amountMinor, kind = 'WALLET', expiresAt = null }) {
      const hold = { id, accountKind: kind, currencyCode: 'EGP', amountMinor, kind: 'TEST', subjectId: id, expiresAt };
      await shelf.write(async (tx) => holdLedger(tx, keeping(new Date()), customerId, hold));
      return id;
    },
    async end(holdId, outcome) {
      const ends = [{ holdId, outcome }];
      await shelf.write(async (tx) => postLedger(tx, keeping(new Date()), ANNA, { postings: [], ends }));
    },
    async fault(tenantId = TENANT) {
      const { rows } = await owner.query('select * from first_ledger_fault($1)', [tenantId]);
      return rows[0] ?? null;
    },
    async close() {
      await app.close();
      await owner.end();
    },
  };
  return shelf;
}

/** So much into a customer's wallet. */
export const gift = (amountMinor: bigint): Omit<Posting, 'subjectId'> => ({
  kind: 'ADJUSTMENT',
  currencyCode: 'EGP',
  entries: [
    { accountKind: 'ADJUSTMENTS_GIVEN', amountMinor },
    { accountKind: 'WALLET', amountMinor: -amountMinor },
  ],
});

/** A sale paid at a gateway. */
export const sale = (amountMinor: bigint, taxMinor: bigint): Omit<Posting, 'subjectId'> => ({
  kind: 'SETTLEMENT',
  currencyCode: 'EGP',
  entries: [
    { accountKind: 'GATEWAY_CLEARING', amountMinor },
    { accountKind: 'REVENUE', amountMinor: taxMinor - amountMinor },
    { accountKind: 'TAX_PAYABLE', amountMinor: -taxMinor },
  ],
});
