import { afterAll, beforeAll, expect, test } from 'vitest';

import { keepLedgerDays } from '../../src/resolvers/ledger-days.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { DayBook } from '../helpers/day-book.ts';

/** Days that are over are summed once; what is kept of them never says anything else than the ledger ("Money", reports). */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

const june = (day: number, time = '09:00:00.000') => `2025-06-${String(day).padStart(2, '0')}T${time}Z`;
const DAYS = ['2025-06-01', '2025-06-05'] as const;
const keep = (book: DayBook, now: string) => keepLedgerDays(book.at(now), book.scope);
const keptOf = (book: DayBook) =>
  world.owner<{ starts_at: Date; ends_at: Date; transactions: string; sums: unknown }>(
    'select starts_at, ends_at, transactions, sums from ledger_days where tenant_id = $1 order by 1',
    [book.tenantId],
  );
/** What a report takes from kept days shows when the kept ones are made to lie. */
const lie = (book: DayBook) =>
  world.owner(
    `update ledger_days d set sums = (select jsonb_agg(s || jsonb_build_object('debit', 7000000)) from jsonb_array_elements(d.sums) s)
     where tenant_id = $1`,
    [book.tenantId],
  );
const LIE = 7_000_000;

async function threeDays(timeZone = 'Africa/Cairo'): Promise<DayBook> {
  const book = await DayBook.open(world, timeZone);
  await book.sold({ at: june(1), totalMinor: 1_000n }, { feeMinor: 10n });
  const { paymentId } = await book.sold({ at: june(2), totalMinor: 2_000n, currencyCode: 'KWD' });
  await book.sold({ at: june(2), totalMinor: 4_000n });
  await book.refunded(paymentId, june(4), 'WALLET', 500n);
  return book;
}

test('a report is the same before days are kept, when some are, and when all are', async () => {
  const book = await threeDays();
  const { rows } = await book.report(...DAYS);
  await keep(book, june(3));
  expect(await keptOf(book)).toHaveLength(2);
  expect((await book.report(...DAYS)).rows).toEqual(rows);
  await keep(book, june(30));
  expect((await keptOf(book)).map(({ starts_at: at }) => at.toISOString())).toEqual(
    ['05-31', '06-01', '06-03'].map((day) => `2025-${day}T21:00:00.000Z`),
  );
  expect((await book.report(...DAYS)).rows).toEqual(rows);
  // A report of less takes what comes behind it from the kept days, too.
  expect((await book.report('2025-06-02')).rows).toEqual(rows.filter(({ date }) => date === '2025-06-02'));
  // And it is the kept days that were read.
  await lie(book);
  expect((await book.report('2025-06-01')).rows[0]).toMatchObject({ fees: LIE });
});

test('a day is kept an hour after its end, and not summed a second time', async () => {
  const book = await threeDays();
  await keep(book, june(1, '21:59:59.999'));
  expect(await keptOf(book)).toEqual([]);
  await keep(book, june(1, '22:00:00.000'));
  expect(await keptOf(book)).toHaveLength(1);
  await lie(book);
  await keep(book, june(30));
  expect(JSON.stringify((await keptOf(book))[0]!.sums)).toContain(String(LIE));
});

test('what comes late is in the report at once, and the day is summed anew', async () => {
  const book = await threeDays();
  await keep(book, june(30));
  await lie(book);
  await book.sold({ at: june(2), totalMinor: 30n });
  const taken = () => book.seriesOf(['taken'], '2025-06-02', '2025-06-02');
  expect(await taken()).toEqual([['2025-06-02', 4_030]]);
  await keep(book, june(30));
  expect((await keptOf(book))[1]).toMatchObject({ transactions: '3' });
  expect(await taken()).toEqual([['2025-06-02', 4_030]]);
});

test('days of the time zone a tenant has left are not taken for days of its new one', async () => {
  const book = await threeDays();
  // Seven in the morning of the next day in Auckland.
  await book.sold({ at: june(2, '19:00:00.000'), totalMinor: 30n });
  await keep(book, june(30));
  await lie(book);
  await world.data(
    book.staff,
    'mutation { updateTenant(input: { timeZone: "Pacific/Auckland" }) { userErrors { code } } }',
  );
  const expected = [
    ['2025-06-01', 1_000],
    ['2025-06-02', 4_000],
    ['2025-06-03', 30],
  ];
  const taken = () => book.seriesOf(['taken'], '2025-06-01', '2025-06-03');
  expect(await taken()).toEqual(expected);
  await keep(book, june(30));
  expect((await keptOf(book)).map(({ starts_at: at }) => at.toISOString())).toEqual(
    ['05-31', '06-01', '06-02', '06-03'].map((day) => `2025-${day}T12:00:00.000Z`),
  );
  expect(await taken()).toEqual(expected);
});

test('days kept by many at once are kept once', async () => {
  const book = await threeDays();
  await Promise.all(Array.from({ length: 6 }, () => keep(book, june(30))));
  expect(await keptOf(book)).toHaveLength(3);
});

test('the application writes no sums of its own, and no customer sees any', async () => {
  const book = await threeDays();
  await keep(book, june(30));
  const write = (statement: string) => world.app.db.write(book.scope, (tx) => tx.query(statement));
  await expect(write('update ledger_days set transactions = 1')).rejects.toThrow('permission denied');
  await expect(write('delete from ledger_days')).rejects.toThrow('permission denied');
  await expect(write('insert into ledger_days select * from ledger_days')).rejects.toThrow('permission denied');
  const asCustomer = { ...book.scope, customerId: book.customerId };
  expect(await world.app.db.read(asCustomer, (tx) => tx.query('select 1 from ledger_days'))).toEqual([]);
  await expect(keepLedgerDays(book.at(june(30)), asCustomer)).rejects.toThrow('no tenant');
});

test('the worker keeps the days of every ledger that has one', async () => {
  const books = [await threeDays(), await threeDays('America/New_York')];
  const worker = await startWorker(world.app);
  for (const book of books)
    expect(
      await eventually(
        () => keptOf(book),
        (kept) => kept.length === 3,
      ),
    ).toHaveLength(3);
  await worker.close();
  const due = await world.app.db.lookUp<{ tenant_id: string }>('select tenant_id from ledgers_to_sum(now(), 1000)', []);
  expect(due.filter(({ tenant_id: id }) => books.some((book) => book.tenantId === id))).toEqual([]);
});
