import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { ANNA, BADR, gift, openShelf, sale, TENANT, type Shelf } from './shelf.ts';

/** LOY-1: entries are never changed, every transaction balances, by right and by trigger; two phases that can't be played against each other. */
let database: TestDatabase;
let shelf: Shelf;
beforeAll(async () => {
  database = await createTestDatabase();
  shelf = await openShelf(database);
  await shelf.post(gift(10_000n));
  await shelf.post(sale(11_400n, 1_400n));
  await shelf.hold({ amountMinor: 100n });
  await shelf.end(await shelf.hold({ amountMinor: 200n }), 'RELEASED');
});
afterAll(async () => {
  expect(await shelf.fault()).toBeNull();
  await shelf.close();
  await database.drop();
});

const TABLES = ['ledger_accounts', 'ledger_transactions', 'ledger_entries', 'ledger_holds'];
const NIL = '00000000-0000-0000-0000-000000000000';

const asApplication = (statement: string, values: unknown[] = []) => shelf.write((tx) => tx.query(statement, values));

async function columnsOf(table: string): Promise<string[]> {
  const { rows } = await shelf.owner.query<{ name: string }>(
    'select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped',
    [table],
  );
  return rows.map(({ name }) => name);
}

describe("the application's login", () => {
  test.each(TABLES)('may not insert into, change, delete from or truncate %s', async (table) => {
    for (const statement of [
      `insert into ${table} select * from ${table} limit 1`,
      ...(await columnsOf(table)).map((column) => `update ${table} set ${column} = ${column}`),
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ])
      await expect(asApplication(statement), statement).rejects.toThrow(/permission denied/);
  });

  test('may not switch triggers off, or call what only the posting itself calls', async () => {
    for (const statement of [
      'set local session_replication_role = replica',
      "select lock_ledger_accounts('[]', '{}')",
      "select end_ledger_holds('[]')",
      "select post_ledger_entries('{}')",
    ])
      await expect(asApplication(statement), statement).rejects.toThrow(/permission denied/);
    await expect(asApplication('alter table ledger_entries disable trigger all')).rejects.toThrow(/must be owner/);
  });
});

describe('the owner of the tables', () => {
  test.each(TABLES.filter((table) => table !== 'ledger_accounts'))(
    'can change, delete and truncate nothing of %s',
    async (table) => {
      for (const statement of [
        ...(await columnsOf(table)).map((column) => `update ${table} set ${column} = ${column}`),
        `delete from ${table}`,
        `truncate ${table} cascade`,
      ])
        await expect(shelf.owner.query(statement), statement).rejects.toThrow(/append-only|a hold only ends/);
    },
  );

  test('can neither delete an account nor make it another', async () => {
    for (const statement of [
      ...['tenant_id', 'id', 'kind', 'currency_code', 'holder_id'].map((c) => `update ledger_accounts set ${c} = ${c}`),
      'delete from ledger_accounts',
      'truncate ledger_accounts cascade',
    ])
      await expect(shelf.owner.query(statement), statement).rejects.toThrow('append-only');
  });

  test('can let a hold end, and then nothing more: not before its end, not twice, not by halves', async () => {
    const id = await shelf.hold({ amountMinor: 1n });
    const end = "outcome = 'RELEASED', ended_at = now(), end_sequence = 99, end_hash = '\\x00'";
    for (const set of [
      "outcome = 'RELEASED'",
      "outcome = 'RELEASED', ended_at = now()",
      `${end}, amount_minor = 0`,
      `${end}, expires_at = now()`,
      'ended_at = now()',
    ])
      await expect(shelf.owner.query(`update ledger_holds set ${set} where id = $1`, [id]), set).rejects.toThrow(
        'a hold only ends',
      );
    await shelf.end(id, 'EXPIRED');
    await expect(shelf.owner.query(`update ledger_holds set ${end} where id = $1`, [id])).rejects.toThrow(
      'a hold only ends',
    );
    await expect(
      shelf.owner.query('update ledger_holds set outcome = null, ended_at = null where id = $1', [id]),
    ).rejects.toThrow('a hold only ends');
  });
});

describe('a transaction', () => {
  const insert = (transaction: string, entries: readonly (readonly [position: number, amountMinor: number])[]) =>
    shelf.owner.query(
      `insert into ledger_entries (tenant_id, transaction_id, position, account_id, holder_id, amount_minor, balance_minor, sequence, hash)
       select $1, $2, e.position, a.id, a.holder_id, e.amount, 0, 1000 + e.position, '\\x00' from ledger_accounts a,
         unnest($3::int[], $4::bigint[]) e (position, amount) where a.tenant_id = $1 and a.kind = 'REVENUE'`,
      [TENANT, transaction, entries.map(([position]) => position), entries.map(([, amount]) => amount)],
    );
  const begin = async () => {
    await shelf.owner.query('begin');
    const id = randomUUID();
    await shelf.owner.query(
      "insert into ledger_transactions (tenant_id, id, kind, subject_id, currency_code, occurred_at) values ($1, $2, 'BY_HAND', $2, 'EGP', now())",
      [TENANT, id],
    );
    return id;
  };

  test.each<[string, (readonly [number, number])[], RegExp]>([
    [
      'that does not sum to zero',
      [
        [1, 5],
        [2, -4],
      ],
      /does not balance/,
    ],
    ['of one entry', [[1, 5]], /does not balance/],
    ['of one entry of nothing', [[1, 0]], /does not balance/],
    [
      'numbered from 2',
      [
        [2, 5],
        [3, -5],
      ],
      /is complete/,
    ],
    [
      'numbered with a gap',
      [
        [1, 5],
        [3, -5],
      ],
      /is complete/,
    ],
  ])('%s is refused, whoever writes it', async (_what, entries, refusal) => {
    const id = await begin();
    await expect(insert(id, entries)).rejects.toThrow(refusal);
    await shelf.owner.query('rollback');
  });

  test('without any entry is refused when it is committed, whoever writes it', async () => {
    await begin();
    await expect(shelf.owner.query('commit')).rejects.toThrow(/does not balance/);
  });

  test('takes no entry more once it is written, not even a pair that balances', async () => {
    const id = await begin();
    await insert(id, [
      [1, 5],
      [2, -5],
    ]);
    await expect(
      insert(id, [
        [3, 7],
        [4, -7],
      ]),
    ).rejects.toThrow(/is complete/);
    await shelf.owner.query('rollback');
    const { rows } = await shelf.owner.query<{ id: string }>(
      'select id from ledger_transactions where tenant_id = $1 limit 1',
      [TENANT],
    );
    await expect(
      insert(rows[0]!.id, [
        [3, 7],
        [4, -7],
      ]),
    ).rejects.toThrow(/duplicate key|is complete/);
    await expect(
      insert(rows[0]!.id, [
        [13, 7],
        [14, -7],
      ]),
    ).rejects.toThrow(/is complete/);
  });

  test.each<[string, { kind: string; amountMinor: string }[]]>([
    [
      'unbalanced',
      [
        { kind: 'WALLET', amountMinor: '-5' },
        { kind: 'ADJUSTMENTS_GIVEN', amountMinor: '4' },
      ],
    ],
    ['of one entry', [{ kind: 'WALLET', amountMinor: '0' }]],
    ['of none', []],
  ])('%s by the posting function is refused as a whole, with the good one beside it', async (_what, entries) => {
    const good = [
      { kind: 'WALLET', holderId: ANNA, amountMinor: '-5' },
      { kind: 'ADJUSTMENTS_GIVEN', holderId: NIL, amountMinor: '5' },
    ];
    const postings = [good, entries.map((entry) => ({ ...entry, holderId: entry.kind === 'WALLET' ? ANNA : NIL }))].map(
      (each) => ({
        id: randomUUID(),
        kind: 'TEST',
        subjectId: randomUUID(),
        currencyCode: 'EGP',
        occurredAt: '2026-11-21T00:00:00Z',
        entries: each,
      }),
    );
    const before = await counts();
    await expect(asApplication("select post_ledger($1, '[]')", [JSON.stringify(postings)])).rejects.toThrow(
      'does not balance',
    );
    expect(await counts()).toEqual(before);
  });

  test('of one kind about one subject is posted once', async () => {
    const subjectId = randomUUID();
    await shelf.post({ ...gift(5n), subjectId });
    await expect(shelf.post({ ...gift(5n), subjectId })).rejects.toThrow(/duplicate key/);
  });

  test('that moves one account several times keeps its entries in the order given, and is refused where it would go below zero on the way', async () => {
    const customerId = randomUUID();
    const entries = [-10n, -20n, 25n].map((amountMinor) => ({ accountKind: 'WALLET' as const, amountMinor }));
    await shelf.post(
      {
        kind: 'TEST',
        currencyCode: 'EGP',
        entries: [...entries, { accountKind: 'ADJUSTMENTS_GIVEN', amountMinor: 5n }],
      },
      { customerId },
    );
    const { rows } = await shelf.owner.query<{ amount: string; balance: string; sequence: string }>(
      'select amount_minor as amount, balance_minor as balance, sequence from ledger_entries where holder_id = $1 order by sequence',
      [customerId],
    );
    expect(rows.map(({ amount, balance, sequence }) => `${sequence}: ${amount} ${balance}`)).toEqual([
      '1: -10 -10',
      '2: -20 -30',
      '3: 25 -5',
    ]);
    const back = [10n, -20n].map((amountMinor) => ({ accountKind: 'WALLET' as const, amountMinor }));
    await expect(
      shelf.post(
        {
          kind: 'TEST',
          currencyCode: 'EGP',
          entries: [...back, { accountKind: 'ADJUSTMENTS_GIVEN', amountMinor: 10n }],
        },
        { customerId },
      ),
    ).rejects.toThrow(/ledger_accounts_side/);
  });
});

test('whatever comes together, known accounts and new ones, one of them twice, one transaction or three, is posted whole', async () => {
  const [known, stranger] = [randomUUID(), randomUUID()];
  await shelf.post(gift(100n), { customerId: known });
  const entry = (holderId: string, amountMinor: number) => ({
    kind: holderId === NIL ? 'ADJUSTMENTS_GIVEN' : 'WALLET',
    holderId,
    amountMinor: String(amountMinor),
  });
  const posting = (...entries: ReturnType<typeof entry>[]) => ({
    id: randomUUID(),
    kind: 'TEST',
    subjectId: randomUUID(),
    currencyCode: 'EGP',
    occurredAt: '2026-11-21T00:00:00Z',
    entries,
  });
  const works = [
    [posting(entry(known, -10), entry(NIL, 10))],
    [posting(entry(NIL, 10), entry(known, -4), entry(known, -6))],
    [posting(entry(known, 5), entry(stranger, -5))],
    [
      posting(entry(known, -1), entry(NIL, 1)),
      posting(entry(stranger, 2), entry(known, -2)),
      posting(entry(randomUUID(), -3), entry(NIL, 3)),
    ],
  ];
  for (const work of works) await asApplication("select post_ledger($1, '[]')", [JSON.stringify(work)]);
  const { rows } = await shelf.owner.query<{ holder: string; balance: string; entries: string }>(
    'select holder_id as holder, balance_minor as balance, entry_count as entries from ledger_accounts where holder_id = any ($1)',
    [[known, stranger]],
  );
  expect(new Map(rows.map(({ holder, balance, entries }) => [holder, `${balance} ${entries}`]))).toEqual(
    new Map([
      [known, '-118 7'],
      [stranger, '-3 2'],
    ]),
  );
  const { rows: written } = await shelf.owner.query<{ entries: string[] }>(
    `select array_agg(a.holder_id::text || ' ' || e.amount_minor order by e.position) as entries from ledger_entries e
     join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id where e.transaction_id = any ($1) group by e.transaction_id`,
    [works.flat().map(({ id }) => id)],
  );
  expect(new Set(written.map(({ entries }) => entries.join()))).toEqual(
    new Set(works.flat().map(({ entries }) => entries.map((e) => `${e.holderId} ${e.amountMinor}`).join())),
  );
  expect(await shelf.fault()).toBeNull();
});

describe('two phases', () => {
  const wallet = async (customerId: string) => {
    const { rows } = await shelf.owner.query<{ balance: string; held: string }>(
      "select -balance_minor as balance, held_minor as held from ledger_accounts where kind = 'WALLET' and currency_code = 'EGP' and holder_id = $1",
      [customerId],
    );
    return { balance: Number(rows[0]!.balance), held: Number(rows[0]!.held) };
  };
  const spend = (amountMinor: bigint) => ({
    kind: 'TEST',
    currencyCode: 'EGP',
    entries: [
      { accountKind: 'WALLET' as const, amountMinor },
      { accountKind: 'REVENUE' as const, amountMinor: -amountMinor },
    ],
  });

  test('what is held is in the balance and can be spent by nothing else; captured, it is spent in the same transaction', async () => {
    const customerId = randomUUID();
    await shelf.post(gift(100n), { customerId });
    const holdId = await shelf.hold({ customerId, amountMinor: 60n });
    expect(await wallet(customerId)).toEqual({ balance: 100, held: 60 });
    await expect(shelf.post(spend(41n), { customerId })).rejects.toThrow(/ledger_accounts_side/);
    await expect(shelf.hold({ customerId, amountMinor: 41n })).rejects.toThrow(/ledger_accounts_side/);
    await shelf.post(spend(60n), { customerId, ends: [{ holdId, outcome: 'CAPTURED' }] });
    expect(await wallet(customerId)).toEqual({ balance: 40, held: 0 });
    await shelf.post(spend(40n), { customerId });
    expect(await wallet(customerId)).toEqual({ balance: 0, held: 0 });
  });

  test.each(['RELEASED', 'EXPIRED'] as const)('%s, the money is free again and nothing moved', async (outcome) => {
    const customerId = randomUUID();
    await shelf.post(gift(100n), { customerId });
    const holdId = await shelf.hold({ customerId, amountMinor: 100n });
    await shelf.end(holdId, outcome);
    expect(await wallet(customerId)).toEqual({ balance: 100, held: 0 });
    // The second end is too late: a hold ends once, and its money is not set free twice.
    await shelf.hold({ customerId, amountMinor: 70n });
    await shelf.end(holdId, 'CAPTURED');
    expect(await wallet(customerId)).toEqual({ balance: 100, held: 70 });
    const { rows } = await shelf.owner.query('select outcome from ledger_holds where id = $1', [holdId]);
    expect(rows).toEqual([{ outcome }]);
  });

  test('nothing, less than nothing, and more than there is can not be held', async () => {
    for (const amountMinor of [0n, -1n])
      await expect(shelf.hold({ amountMinor })).rejects.toThrow(/ledger_holds_amount/);
    await expect(shelf.hold({ customerId: randomUUID(), amountMinor: 1n })).rejects.toThrow(/ledger_accounts_side/);
  });

  test('a hundred at once for one wallet, spent, held and set free, leave nothing below zero and every chain whole', async () => {
    const customerId = randomUUID();
    await shelf.post(gift(1_000n), { customerId });
    const work = async (index: number): Promise<void> => {
      if (index % 3 === 0) return shelf.post(spend(30n), { customerId });
      const holdId = await shelf.hold({ customerId, amountMinor: 30n });
      if (index % 3 === 1) return shelf.post(spend(30n), { customerId, ends: [{ holdId, outcome: 'CAPTURED' }] });
      return shelf.end(holdId, 'RELEASED');
    };
    const done = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => work(index)));
    const refusals = done.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason));
    expect(refusals.filter((reason) => !reason.includes('ledger_accounts_side'))).toEqual([]);
    const { balance, held } = await wallet(customerId);
    expect(balance % 30).toBe(10);
    expect({ held, below: balance < 0 }).toEqual({ held: 0, below: false });
    expect(await shelf.fault()).toBeNull();
  });

  test('opposite transfers between two wallets at once, one by one and two together, never deadlock and lose nothing', async () => {
    const pair = [randomUUID(), randomUUID()];
    for (const customerId of pair) await shelf.post(gift(1_000n), { customerId });
    const transfer = (from: string, to: string) => ({
      id: randomUUID(),
      kind: 'TRANSFER',
      subjectId: randomUUID(),
      currencyCode: 'EGP',
      occurredAt: new Date(),
      entries: [
        { kind: 'WALLET', holderId: from, amountMinor: '7' },
        { kind: 'WALLET', holderId: to, amountMinor: '-7' },
      ],
    });
    const post = (index: number) => {
      const [from, to] = [pair[index % 2]!, pair[(index + 1) % 2]!];
      const work = index % 3 === 0 ? [transfer(from, to), transfer(to, from)] : [transfer(from, to)];
      return asApplication("select post_ledger($1, '[]')", [JSON.stringify(work)]);
    };
    const before = shelf.attempts;
    await Promise.all(Array.from({ length: 120 }, (_, index) => post(index)));
    expect(shelf.attempts - before, 'a deadlock is run again').toBe(120);
    expect([await wallet(pair[0]!), await wallet(pair[1]!)]).toEqual([
      { balance: 1_000, held: 0 },
      { balance: 1_000, held: 0 },
    ]);
  });

  test('accounts that nobody has used yet are made by many at once, once', async () => {
    const before = shelf.attempts;
    const newcomers = [randomUUID(), randomUUID(), randomUUID()];
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        shelf.post({ ...gift(1n), currencyCode: 'JOD' }, { customerId: newcomers[index % 3]! }),
      ),
    );
    expect(shelf.attempts - before, 'a deadlock is run again').toBe(30);
    const { rows } = await shelf.owner.query(
      "select count(*)::int as count from ledger_accounts where currency_code = 'JOD'",
    );
    expect(rows).toEqual([{ count: 4 }]);
  });
});

describe('an entry that may fall on a second account of the customer', () => {
  const post = (
    postings: readonly (readonly { kind: string; holderId: string; amountMinor: string; restKind?: string }[])[],
  ) =>
    asApplication("select post_ledger($1, '[]')", [
      JSON.stringify(
        postings.map((entries) => ({
          id: randomUUID(),
          kind: 'TEST',
          subjectId: randomUUID(),
          currencyCode: 'EGP',
          occurredAt: '2026-11-21T00:00:00Z',
          entries,
        })),
      ),
    ]);
  const takeBack = (holderId: string, amountMinor: number) => [
    { kind: 'WALLET', restKind: 'WALLET_OWED', holderId, amountMinor: String(amountMinor) },
    { kind: 'LOYALTY_COST', holderId: NIL, amountMinor: String(-amountMinor) },
  ];
  const accounts = async (holderId: string) => {
    const { rows } = await shelf.owner.query<{ kind: string; balance: string }>(
      'select kind::text, balance_minor as balance from ledger_accounts where holder_id = $1',
      [holderId],
    );
    return Object.fromEntries(rows.map(({ kind, balance }) => [kind, Number(balance)]));
  };

  test('takes what is free of the first and the rest from the second, numbered without gaps, in the order given', async () => {
    const customerId = randomUUID();
    await asApplication("select post_ledger($1, '[]')", [
      JSON.stringify([
        {
          id: randomUUID(),
          kind: 'TEST',
          subjectId: randomUUID(),
          currencyCode: 'EGP',
          occurredAt: '2026-11-21T00:00:00Z',
          entries: [
            { kind: 'LOYALTY_COST', holderId: NIL, amountMinor: '1000' },
            { kind: 'WALLET', holderId: customerId, amountMinor: '-1000' },
          ],
        },
      ]),
    ]);
    await shelf.hold({ customerId, amountMinor: 300n });
    await post([takeBack(customerId, 500), takeBack(customerId, 400)]);
    expect(await accounts(customerId)).toEqual({ WALLET: -300, WALLET_OWED: 200 });
    await post([takeBack(customerId, 50)]);
    expect(await accounts(customerId)).toEqual({ WALLET: -300, WALLET_OWED: 250 });
    const { rows } = await shelf.owner.query<{ parts: string }>(
      `select string_agg(e.position || ' ' || a.kind || ' ' || e.amount_minor, ', ' order by e.position) as parts
       from ledger_entries e join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id
       where e.transaction_id in (select transaction_id from ledger_entries where holder_id = $1 and amount_minor > 0)
       group by e.transaction_id order by 1`,
      [customerId],
    );
    expect(rows.map(({ parts }) => parts)).toEqual([
      '1 WALLET 200, 2 WALLET_OWED 200, 3 LOYALTY_COST -400',
      '1 WALLET 500, 2 LOYALTY_COST -500',
      '1 WALLET_OWED 50, 2 LOYALTY_COST -50',
    ]);
    // Money that comes pays the debt first.
    await post([
      [
        { kind: 'LOYALTY_COST', holderId: NIL, amountMinor: '260' },
        { kind: 'WALLET_OWED', restKind: 'WALLET', holderId: customerId, amountMinor: '-260' },
      ],
    ]);
    expect(await accounts(customerId)).toEqual({ WALLET: -310, WALLET_OWED: 0 });
    expect(await shelf.fault()).toBeNull();
  });

  test('and plain transfers of the same accounts at once never deadlock', async () => {
    const pair = [randomUUID(), randomUUID()];
    for (const customerId of pair) await shelf.post({ ...gift(100n) }, { customerId });
    await post(
      pair.map((holderId) => [
        { kind: 'LOYALTY_COST', holderId: NIL, amountMinor: '5000' },
        { kind: 'WALLET', holderId, amountMinor: '-5000' },
      ]),
    );
    const before = shelf.attempts;
    const work = (index: number) => {
      const [one, other] = [pair[index % 2]!, pair[(index + 1) % 2]!];
      if (index % 3 === 0) return post([takeBack(one, 30), takeBack(other, 30)]);
      return post([
        [
          { kind: 'WALLET', holderId: one, amountMinor: '7' },
          { kind: 'WALLET', holderId: other, amountMinor: '-7' },
        ],
      ]);
    };
    await Promise.all(Array.from({ length: 120 }, (_, index) => work(index)));
    expect(shelf.attempts - before, 'a deadlock is run again').toBe(120);
    expect(await shelf.fault()).toBeNull();
  });
});

test("an owner that is no superuser can let a customer's own transaction post to the tenant's accounts", async () => {
  await shelf.owner.query('begin');
  try {
    await shelf.owner.query('create role plain_owner_of_tests; grant create on schema public to plain_owner_of_tests');
    for (const table of TABLES) {
      await shelf.owner.query(`alter table ${table} owner to plain_owner_of_tests`);
      await shelf.owner.query(
        `create policy plain_owner on ${table} to plain_owner_of_tests using (true) with check (true)`,
      );
    }
    await shelf.owner.query(
      `alter function post_ledger(jsonb, jsonb) owner to plain_owner_of_tests;
       alter function post_ledger_entries(jsonb) owner to plain_owner_of_tests;
       alter function check_ledger_balance() owner to plain_owner_of_tests`,
    );
    await shelf.owner.query('select enter_tenant($1, $2)', [TENANT, BADR]);
    const entries = [
      { kind: 'WALLET', holderId: BADR, amountMinor: '-5' },
      { kind: 'ADJUSTMENTS_GIVEN', holderId: NIL, amountMinor: '5' },
    ];
    const posting = {
      id: randomUUID(),
      kind: 'TEST',
      subjectId: randomUUID(),
      currencyCode: 'EGP',
      occurredAt: new Date(),
      entries,
    };
    await shelf.owner.query("select post_ledger($1, '[]')", [JSON.stringify([posting])]);
    const { rows } = await shelf.owner.query(
      'select count(*)::int as count from ledger_entries where transaction_id = $1',
      [posting.id],
    );
    expect(rows).toEqual([{ count: 2 }]);
  } finally {
    await shelf.owner.query('rollback');
  }
});

async function counts(): Promise<unknown> {
  const { rows } = await shelf.owner.query(
    'select (select count(*) from ledger_transactions) as transactions, (select count(*) from ledger_entries) as entries, (select sum(balance_minor) from ledger_accounts) as sum',
  );
  return rows[0];
}
