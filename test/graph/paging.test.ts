import { describe, expect, test } from 'vitest';

import { cursorOf, keyset, pageArgs, toConnection, type Page } from '../../src/paging.ts';

const ROWS = Array.from({ length: 30 }, (_, index) => ({
  id: `00000000-0000-4000-8000-0000000000${String(10 + index)}`,
  cursorAt: `2026-11-01 10:00:00.1234${String(10 + index)}+00`,
}));
const CURSOR = cursorOf(ROWS[0]!);

test('a page holds 20 rows unless told, and at most 100', () => {
  expect(pageArgs({}).limit).toBe(20);
  expect(pageArgs({ first: 100 }).limit).toBe(100);
  expect(pageArgs({ last: 1 })).toMatchObject({ limit: 1, reverse: true });
});

test.each([[{ first: 0 }], [{ first: 101 }], [{ first: -1 }], [{ last: 1_000_000 }], [{ first: 1, last: 1 }]])(
  '%j is refused',
  (args) => {
    expect(() => pageArgs(args)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  },
);

test('a cursor keeps microseconds, which a date would lose', () => {
  expect(pageArgs({ after: CURSOR }).after).toEqual({ at: '2026-11-01 10:00:00.123410+00', id: ROWS[0]!.id });
});

test.each([
  ['no cursor', 'rubbish'],
  ['no place', Buffer.from('2026-11-01|x').toString('base64url')],
  ['a day that is none', Buffer.from(`2026-02-30 10:00:00+00|${ROWS[0]!.id}`).toString('base64url')],
  ['an hour that is none', Buffer.from(`2026-02-01 25:00:00+00|${ROWS[0]!.id}`).toString('base64url')],
  ['a year that is none', Buffer.from(`0000-02-01 10:00:00+00|${ROWS[0]!.id}`).toString('base64url')],
  ['SQL', Buffer.from(`2026-02-01 10:00:00+00'; drop table orders|${ROWS[0]!.id}`).toString('base64url')],
  ['more', Buffer.from(`2026-02-01 10:00:00+00|${ROWS[0]!.id}|more`).toString('base64url')],
  ['a megabyte', 'x'.repeat(1_000_000)],
])('%s is refused as a cursor', (_what, cursor) => {
  expect(() => pageArgs({ after: cursor })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});

test('a page is sought by its place, never counted off', () => {
  const { where, tail, values } = keyset(pageArgs({ first: 5, after: CURSOR, before: CURSOR }), 'o', 3);
  expect(where).toBe(
    'and (o.created_at, o.id) < ($3::timestamptz, $4::uuid) and (o.created_at, o.id) > ($5::timestamptz, $6::uuid)',
  );
  expect(tail).toBe('order by o.created_at desc, o.id desc limit $7');
  expect(values.at(-1)).toBe(6);
  expect(`${where}${tail}`).not.toMatch(/offset/i);
});

describe('walking through a list', () => {
  /** A table of ROWS, newest first, read as the statement of a page reads it. */
  const read = (page: Page) => {
    const newestFirst = ROWS.toReversed();
    const inside = newestFirst.filter(
      (row) => (!page.after || row.id < page.after.id) && (!page.before || row.id > page.before.id),
    );
    return toConnection((page.reverse ? inside.toReversed() : inside).slice(0, page.limit + 1), page);
  };

  test.each([1, 7, 15, 30, 100])('in pages of %i gives every row once, in order, forwards and backwards', (size) => {
    const seen: string[] = [];
    let page = read(pageArgs({ first: size }));
    for (;;) {
      seen.push(...page.rows.map((row) => row.id));
      if (!page.hasNextPage) break;
      page = read(pageArgs({ first: size, after: cursorOf(page.rows.at(-1)!) }));
    }
    expect(seen).toEqual(ROWS.toReversed().map((row) => row.id));
    const backwards: string[] = [];
    page = read(pageArgs({ last: size }));
    for (;;) {
      backwards.unshift(...page.rows.map((row) => row.id));
      if (!page.hasPreviousPage) break;
      page = read(pageArgs({ last: size, before: cursorOf(page.rows[0]!) }));
    }
    expect(backwards).toEqual(seen);
  });
});
