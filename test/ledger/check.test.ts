import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CUSTOMERS_ACCOUNTS, LEDGER_ACCOUNT_SIDES } from '../../src/domain/ledger.ts';
import { LEDGER_FAULTS, walkLedger } from '../../src/resolvers/ledger-check.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { BADR, gift, openShelf, OTHER_TENANT, sale, TENANT, type Shelf } from './shelf.ts';

/** BEY-11: whoever may do anything to the tables, with every trigger switched off, is found out and the place is named. */
let database: TestDatabase;
let shelf: Shelf;
/** Of the sale in the middle, and of the last of them: transaction and the account of its first entry. */
let middle: Place;
let last: Place;
let holds: { open: string; captured: string; released: string };

interface Place {
  readonly transaction: string;
  readonly account: string;
}

beforeAll(async () => {
  database = await createTestDatabase();
  shelf = await openShelf(database);
  await shelf.post(gift(10_000n));
  await shelf.post(gift(500n), { customerId: BADR });
  for (const amount of [11_400n, 22_800n, 5_700n]) await shelf.post(sale(amount, amount / 10n));
  await shelf.post({ ...gift(7n), currencyCode: 'KWD' });
  await shelf.post(gift(70n), { tenantId: OTHER_TENANT });
  holds = {
    open: await shelf.hold({ amountMinor: 300n }),
    captured: await shelf.hold({ amountMinor: 200n }),
    released: await shelf.hold({ amountMinor: 100n }),
  };
  await shelf.end(holds.captured, 'CAPTURED');
  await shelf.end(holds.released, 'RELEASED');
  const { rows } = await shelf.owner.query<Place>(
    `select t.id as transaction, e.account_id as account from ledger_transactions t
     join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id and e.position = 1
     where t.tenant_id = $1 and t.kind = 'SETTLEMENT' order by e.sequence`,
    [TENANT],
  );
  [middle, last] = [rows[1]!, rows[2]!];
});
afterAll(async () => {
  await shelf.close();
  await database.drop();
});

/** What is found after somebody with every right did this, triggers off; then it is taken back. */
async function afterTampering(...statements: string[]) {
  const words: Readonly<Record<string, string>> = {
    TENANT: `'${TENANT}'`,
    MIDDLE: `'${middle.transaction}'`,
    LAST: `'${last.transaction}'`,
    CLEARING: `'${middle.account}'`,
    OPEN: `'${holds.open}'`,
    CAPTURED_HOLD: `'${holds.captured}'`,
    RELEASED_HOLD: `'${holds.released}'`,
  };
  await shelf.owner.query('begin; set local session_replication_role = replica');
  try {
    for (const statement of statements) {
      const { rowCount } = await shelf.owner.query(statement.replaceAll(/\b[A-Z_]+\b/g, (word) => words[word] ?? word));
      expect(rowCount, `${statement} must do something`).toBeGreaterThan(0);
    }
    return await shelf.fault();
  } finally {
    await shelf.owner.query('rollback');
  }
}

const ENTRY = 'tenant_id = TENANT and transaction_id = MIDDLE';

test('what was only posted, held, captured and released has no fault', async () => {
  expect(await shelf.fault()).toBeNull();
  expect(await shelf.fault(OTHER_TENANT)).toBeNull();
});

describe('a tampered transaction or entry is found and named', () => {
  test.each<[string, string[], string]>([
    [
      'an amount changed',
      [`update ledger_entries set amount_minor = amount_minor + 1 where ${ENTRY} and position = 1`],
      'UNBALANCED',
    ],
    [
      'two amounts changed so that they still sum to zero',
      [
        `update ledger_entries set amount_minor = amount_minor + 1 where ${ENTRY} and position = 1`,
        `update ledger_entries set amount_minor = amount_minor - 1 where ${ENTRY} and position = 2`,
      ],
      'RUNNING_BALANCE',
    ],
    ['an entry deleted', [`delete from ledger_entries where ${ENTRY} and position = 2`], 'UNBALANCED'],
    [
      'the last entry of an account deleted',
      ['delete from ledger_entries where tenant_id = TENANT and transaction_id = LAST and position = 1'],
      'UNBALANCED',
    ],
    ['all entries of a transaction deleted', [`delete from ledger_entries where ${ENTRY}`], 'UNBALANCED'],
    [
      'an entry given another number',
      [`update ledger_entries set position = 9 where ${ENTRY} and position = 3`],
      'UNBALANCED',
    ],
    [
      'a transaction added without entries',
      [
        `insert into ledger_transactions select tenant_id, gen_random_uuid(), kind, gen_random_uuid(), currency_code, occurred_at
         from ledger_transactions where tenant_id = TENANT and id = MIDDLE`,
      ],
      'UNBALANCED',
    ],
    [
      'a transaction deleted and its entries left',
      ['delete from ledger_transactions where tenant_id = TENANT and id = MIDDLE'],
      'TRANSACTION',
    ],
    [
      'a transaction deleted with its entries',
      [
        `delete from ledger_entries where ${ENTRY}`,
        'delete from ledger_transactions where tenant_id = TENANT and id = MIDDLE',
      ],
      'GAP',
    ],
    [
      'the last transaction of its accounts deleted with its entries',
      [
        'delete from ledger_entries where tenant_id = TENANT and transaction_id = LAST',
        'delete from ledger_transactions where tenant_id = TENANT and id = LAST',
      ],
      'BALANCE',
    ],
    [
      'a running balance changed',
      [`update ledger_entries set balance_minor = balance_minor + 1 where ${ENTRY} and position = 2`],
      'RUNNING_BALANCE',
    ],
    ['a hash changed', [`update ledger_entries set hash = sha256(hash) where ${ENTRY} and position = 2`], 'CHAIN'],
    [
      'two hashes swapped',
      [
        `update ledger_entries e set hash = (select o.hash from ledger_entries o where o.tenant_id = e.tenant_id and o.account_id = e.account_id and o.sequence = 3 - e.sequence)
         where e.tenant_id = TENANT and e.account_id = CLEARING and e.sequence in (1, 2)`,
      ],
      'CHAIN',
    ],
    [
      'two entries of an account swapped in their places',
      [
        `update ledger_entries set sequence = -sequence where tenant_id = TENANT and account_id = CLEARING and sequence in (1, 2)`,
        `update ledger_entries set sequence = 3 + sequence where tenant_id = TENANT and account_id = CLEARING and sequence < 0`,
      ],
      'RUNNING_BALANCE',
    ],
    [
      "a transaction's kind changed",
      ["update ledger_transactions set kind = 'GIFT' where tenant_id = TENANT and id = MIDDLE"],
      'CHAIN',
    ],
    [
      "a transaction's subject changed",
      ['update ledger_transactions set subject_id = gen_random_uuid() where tenant_id = TENANT and id = MIDDLE'],
      'CHAIN',
    ],
    [
      "a transaction's time changed by a microsecond",
      [
        "update ledger_transactions set occurred_at = occurred_at + interval '1 microsecond' where tenant_id = TENANT and id = MIDDLE",
      ],
      'CHAIN',
    ],
    [
      "a transaction's currency changed",
      ["update ledger_transactions set currency_code = 'USD' where tenant_id = TENANT and id = MIDDLE"],
      'ACCOUNT',
    ],
    [
      "an entry's holder changed",
      [`update ledger_entries set holder_id = '${BADR}' where ${ENTRY} and position = 2`],
      'ACCOUNT',
    ],
    [
      'an entry moved to another account',
      [
        `update ledger_entries set account_id = (select id from ledger_accounts where tenant_id = TENANT and kind = 'ADJUSTMENTS_GIVEN' and currency_code = 'KWD'),
           sequence = 2 where ${ENTRY} and position = 1`,
      ],
      'GAP',
    ],
    [
      'a balanced pair added to an old transaction',
      [
        `insert into ledger_entries (tenant_id, transaction_id, position, account_id, amount_minor, holder_id, balance_minor, sequence, hash)
         select tenant_id, transaction_id, position + 3, account_id, case position when 1 then 5 else -5 end, holder_id, balance_minor, sequence + 100, hash
         from ledger_entries where ${ENTRY} and position <= 2`,
      ],
      'GAP',
    ],
    [
      'a forged transaction added with right places, balances and hashes, the accounts left as they were',
      [
        `insert into ledger_transactions select tenant_id, '00000000-0000-4000-8000-0000000000f0', 'FORGED', id, currency_code, occurred_at
         from ledger_transactions where tenant_id = TENANT and id = MIDDLE`,
        `insert into ledger_entries (tenant_id, transaction_id, position, account_id, amount_minor, holder_id, balance_minor, sequence, hash)
         select a.tenant_id, '00000000-0000-4000-8000-0000000000f0', v.position, a.id, v.amount, a.holder_id, a.balance_minor + v.amount, a.entry_count + 1,
           ledger_hash(a.head, a.tenant_id, a.id, a.entry_count + 1, v.amount, a.balance_minor + v.amount, t.id, t.kind, t.subject_id, t.currency_code, t.occurred_at)
         from (values (1, 'GATEWAY_CLEARING'::ledger_account_kind, 5::bigint), (2, 'REVENUE', -5)) v (position, kind, amount)
         join ledger_accounts a on a.tenant_id = TENANT and a.kind = v.kind and a.currency_code = 'EGP'
         join ledger_transactions t on t.tenant_id = a.tenant_id and t.id = '00000000-0000-4000-8000-0000000000f0'`,
      ],
      'BALANCE',
    ],
  ])('%s', async (_what, statements, kind) => {
    const fault = await afterTampering(...statements);
    expect(fault).toMatchObject({ fault: kind });
    expect(fault!.detail).not.toBe('');
    expect(fault!.account_id ?? fault!.transaction_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('the place is the one that was touched', async () => {
    const unbalanced = await afterTampering(
      `update ledger_entries set amount_minor = amount_minor + 1 where ${ENTRY} and position = 1`,
    );
    expect(unbalanced).toEqual({
      fault: 'UNBALANCED',
      account_id: null,
      transaction_id: middle.transaction,
      detail: '3 entries sum to 1',
    });
    const chain = await afterTampering(
      "update ledger_transactions set kind = 'GIFT' where tenant_id = TENANT and id = MIDDLE",
    );
    expect(chain).toMatchObject({ fault: 'CHAIN', transaction_id: middle.transaction });
    const gap = await afterTampering(
      `delete from ledger_entries where ${ENTRY}`,
      'delete from ledger_transactions where tenant_id = TENANT and id = MIDDLE',
    );
    expect(gap).toMatchObject({ fault: 'GAP', transaction_id: last.transaction });
    expect(gap!.detail).toMatch(/^entry 3 of its account follows on entry 1$/);
  });
});

describe('a tampered account is found and named', () => {
  const ACCOUNT = 'tenant_id = TENANT and id = CLEARING';
  test.each<[string, string[], string]>([
    [
      'its balance changed',
      [`update ledger_accounts set balance_minor = balance_minor + 1 where ${ACCOUNT}`],
      'BALANCE',
    ],
    [
      'its count of entries changed',
      [`update ledger_accounts set entry_count = entry_count + 1 where ${ACCOUNT}`],
      'HEAD',
    ],
    ['its head changed', [`update ledger_accounts set head = sha256(head) where ${ACCOUNT}`], 'HEAD'],
    [
      'money set aside without a hold',
      [
        "update ledger_accounts set held_minor = held_minor + 1 where tenant_id = TENANT and kind = 'WALLET' and -balance_minor > held_minor",
      ],
      'HELD',
    ],
    ['its kind changed', [`update ledger_accounts set kind = 'GATEWAY_FEES' where ${ACCOUNT}`], 'ACCOUNT'],
    ['its currency changed', [`update ledger_accounts set currency_code = 'USD' where ${ACCOUNT}`], 'ACCOUNT'],
    [
      'its holder changed, together with its entries',
      [
        `update ledger_accounts set holder_id = '${BADR}' where ${ACCOUNT}`,
        `update ledger_entries set holder_id = '${BADR}' where tenant_id = TENANT and account_id = CLEARING`,
      ],
      'ACCOUNT',
    ],
    ['it was deleted', [`delete from ledger_accounts where ${ACCOUNT}`], 'ACCOUNT'],
    [
      'one was added with money in it',
      [
        `insert into ledger_accounts (tenant_id, id, kind, currency_code, holder_id, balance_minor)
         select tenant_id, ledger_account_id(tenant_id, 'WALLET', 'USD', holder_id), 'WALLET', 'USD', holder_id, -1 from ledger_accounts where ${ACCOUNT}`,
      ],
      'BALANCE',
    ],
  ])('%s', async (_what, statements, kind) => {
    expect(await afterTampering(...statements)).toMatchObject({ fault: kind });
  });

  test('a balance below zero is found at the entry that left it there, though all sums and hashes are right', async () => {
    await shelf.owner.query('begin; alter table ledger_accounts drop constraint ledger_accounts_side');
    try {
      await shelf.owner.query('select enter_tenant($1, null)', [TENANT]);
      const entries = [
        { kind: 'WALLET', holderId: BADR, amountMinor: '501' },
        { kind: 'REVENUE', holderId: '00000000-0000-0000-0000-000000000000', amountMinor: '-501' },
      ];
      const posting = {
        id: middle.account,
        kind: 'OVERDRAFT',
        subjectId: BADR,
        currencyCode: 'EGP',
        occurredAt: new Date(),
        entries,
      };
      await shelf.owner.query("select post_ledger($1, '[]')", [JSON.stringify([posting])]);
      expect(await shelf.fault()).toMatchObject({ fault: 'SIDE', transaction_id: middle.account });
    } finally {
      await shelf.owner.query('rollback');
    }
  });
});

describe('a tampered hold is found and named', () => {
  const hold = (which: string) => `tenant_id = TENANT and id = ${which}`;
  test.each<[string, string[], string]>([
    ['an open one deleted', [`delete from ledger_holds where ${hold('OPEN')}`], 'HELD'],
    ['an ended one deleted', [`delete from ledger_holds where ${hold('CAPTURED_HOLD')}`], 'HOLD'],
    ['the last to end deleted', [`delete from ledger_holds where ${hold('RELEASED_HOLD')}`], 'HOLD'],
    ['an amount changed while it holds', [`update ledger_holds set amount_minor = 1 where ${hold('OPEN')}`], 'HELD'],
    [
      'an amount changed after its end',
      [`update ledger_holds set amount_minor = 1 where ${hold('CAPTURED_HOLD')}`],
      'HOLD',
    ],
    ['an outcome changed', [`update ledger_holds set outcome = 'RELEASED' where ${hold('CAPTURED_HOLD')}`], 'HOLD'],
    [
      'an end taken back',
      [`update ledger_holds set outcome = null, ended_at = null where ${hold('CAPTURED_HOLD')}`],
      'HELD',
    ],
    [
      'an end invented',
      [`update ledger_holds set outcome = 'RELEASED', ended_at = now() where ${hold('OPEN')}`],
      'HELD',
    ],
    [
      'an end invented, with the money set free',
      [
        `update ledger_holds set outcome = 'RELEASED', ended_at = now(), end_sequence = 6, end_hash = hash where ${hold('OPEN')}`,
        "update ledger_accounts set held_minor = 0 where tenant_id = TENANT and kind = 'WALLET' and held_minor > 0",
      ],
      'HOLD',
    ],
    [
      'the time of an end changed',
      [`update ledger_holds set ended_at = ended_at - interval '1 day' where ${hold('RELEASED_HOLD')}`],
      'HOLD',
    ],
    ['the time to expire changed', [`update ledger_holds set expires_at = now() where ${hold('OPEN')}`], 'HOLD'],
    ['its subject changed', [`update ledger_holds set subject_id = gen_random_uuid() where ${hold('OPEN')}`], 'HOLD'],
    [
      'two ends swapped in their places',
      [`update ledger_holds set end_sequence = 9 - end_sequence where tenant_id = TENANT and end_sequence in (4, 5)`],
      'HOLD',
    ],
    [
      'moved to an account that is not there',
      [`update ledger_holds set account_id = gen_random_uuid() where ${hold('CAPTURED_HOLD')}`],
      'HOLD',
    ],
    [
      'one added for an account that is not there',
      [
        `insert into ledger_holds (tenant_id, id, account_id, holder_id, amount_minor, kind, subject_id, created_at, outcome, ended_at, sequence, hash, end_sequence, end_hash)
         select tenant_id, gen_random_uuid(), gen_random_uuid(), holder_id, amount_minor, kind, gen_random_uuid(), created_at, outcome, ended_at, sequence, hash, end_sequence, end_hash from ledger_holds where ${hold('CAPTURED_HOLD')}`,
      ],
      'ACCOUNT',
    ],
  ])('%s', async (_what, statements, kind) => {
    expect(await afterTampering(...statements)).toMatchObject({ fault: kind });
  });
});

test('the walk in slices finds the same, counts what it looked at, and can be stopped', async () => {
  const scope = { tenantId: TENANT, customerId: null };
  const steps: unknown[] = [];
  const whole = await shelf.app.read(scope, (tx) => walkLedger(tx, (soFar) => void steps.push({ ...soFar })));
  expect(whole).toEqual({ ok: true, transactions: 6, entries: 15, accounts: 8, holds: 3, firstFault: null });
  expect(steps).toHaveLength(4);
  const stopped = shelf.app.read(scope, (tx) =>
    walkLedger(tx, ({ entries }) => {
      if (entries > 0) throw new Error('enough');
    }),
  );
  await expect(stopped).rejects.toThrow('enough');
});

test('slices of any size find the same first fault wherever it lies, and every entry is looked at once', async () => {
  const walk = async (size: number): Promise<{ seen: number; fault: string | null; at: string | null }> => {
    let [account, sequence, seen] = ['00000000-0000-0000-0000-000000000000', '0', 0];
    for (;;) {
      const { rows } = await shelf.owner.query('select * from check_ledger_entries($1, $2, $3, $4)', [
        TENANT,
        account,
        sequence,
        size,
      ]);
      const [slice] = rows;
      seen += Number(slice.checked);
      if (slice.fault !== null || slice.last_account === null)
        return { seen, fault: slice.fault, at: slice.transaction_id };
      [account, sequence] = [slice.last_account, slice.last_sequence];
    }
  };
  for (const size of [1, 2, 3, 7, 14, 15, 16]) expect(await walk(size)).toMatchObject({ fault: null });
  await shelf.owner.query('begin; set local session_replication_role = replica');
  await shelf.owner.query(
    'update ledger_entries set hash = sha256(hash) where tenant_id = $1 and account_id = $2 and sequence = 2',
    [TENANT, middle.account],
  );
  for (const size of [1, 2, 3, 7, 14, 15, 16])
    expect(await walk(size)).toMatchObject({ fault: 'CHAIN', at: middle.transaction });
  await shelf.owner.query('rollback');
});

test('the database and the domain know the same accounts, sides and faults', async () => {
  const { rows } = await shelf.owner.query<{ kind: string; side: number }>(
    'select k::text as kind, ledger_side(k) as side from unnest(enum_range(null::ledger_account_kind)) k',
  );
  expect(
    Object.fromEntries(rows.map(({ kind, side }) => [kind, side === 0 ? 'EITHER' : side === 1 ? 'DEBIT' : 'CREDIT'])),
  ).toEqual(LEDGER_ACCOUNT_SIDES);
  expect([...CUSTOMERS_ACCOUNTS].every((kind) => kind in LEDGER_ACCOUNT_SIDES)).toBe(true);
  const { rows: sources } = await shelf.owner.query<{ source: string }>(
    "select string_agg(pg_get_functiondef(oid), ' ') as source from pg_proc where proname like 'check\\_ledger\\_%s'",
  );
  const named = new Set([...sources[0]!.source.matchAll(/THEN '([A-Z_]{3,})'::text/g)].map((match) => match[1]));
  expect(named).toEqual(new Set(LEDGER_FAULTS));
});
