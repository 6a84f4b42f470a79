import { invalidInput, type AppError } from './errors.ts';
import { isUuid } from './ids.ts';

export const PAGE_SIZE = 20;
export const PAGE_SIZE_MAX = 100;

/** The arguments of a Relay connection, as the client gave them. */
export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** A row's place in a list that is ordered by (created_at, id), newest first. */
export interface Place {
  /** PostgreSQL's own text of the instant, with microseconds: a JavaScript date would lose them and skip rows. */
  readonly at: string;
  readonly id: string;
}

export interface Page<P = Place> {
  readonly limit: number;
  readonly after: P | null;
  readonly before: P | null;
  /** The last rows are wanted: they are read from the end and turned around. */
  readonly reverse: boolean;
}

/** What a row of a paged list carries besides its columns: select it by `cursorColumn(alias)`. */
export interface Paged {
  readonly id: string;
  readonly cursorAt: string;
}

export interface Connection<T> {
  readonly rows: readonly T[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/**
 * Checks a connection's arguments.
 * @throws INVALID_INPUT for a size outside 1..100, for first and last together, or for a cursor that is none of ours.
 */
export function pageArgs(args: PageArguments): Page {
  return readPage(args, readPlace);
}

/** A row's place in a ledger account's list, newest first: its sequence is dense and never changes. */
export interface SequencePlace {
  readonly sequence: string;
  readonly accountId: string;
}

/** The same for the entries of one ledger account. A cursor names its account: whoever reads must compare it. @throws as pageArgs */
export function sequencePageArgs(args: PageArguments): Page<SequencePlace> {
  return readPage(args, readSequence);
}

function readPage<P>(
  args: PageArguments,
  read: (cursor: string | null | undefined, name: string) => P | null,
): Page<P> {
  const { first, last } = args;
  if (isGiven(first) && isGiven(last))
    throw invalidInput('Ask either for the first or for the last rows, not for both.', ['first']);
  const reverse = isGiven(last);
  const limit = (reverse ? last : first) ?? PAGE_SIZE;
  if (limit < 1 || limit > PAGE_SIZE_MAX) {
    throw invalidInput(`A page holds from 1 to ${PAGE_SIZE_MAX} rows.`, [reverse ? 'last' : 'first']);
  }
  return { limit, after: read(args.after, 'after'), before: read(args.before, 'before'), reverse };
}

function isGiven(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}

/** The select expression for `Paged.cursorAt`. */
export function cursorColumn(alias: string, column = 'created_at'): string {
  return `${alias}.${column}::text as "cursorAt"`;
}

/**
 * The true seek of a page (never OFFSET, GQL-1): conditions, order and limit, for `where tenant... ${where} ${tail}`. One row more than
 * the page is read, which tells whether there is a next page.
 * @param from number of the first free parameter of the statement.
 */
export function keyset(
  page: Page,
  alias: string,
  from: number,
  column = 'created_at',
): { where: string; tail: string; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const bound = (place: Place, sign: string) => {
    conditions.push(
      `(${alias}.${column}, ${alias}.id) ${sign} ($${from + values.length}::timestamptz, $${from + values.length + 1}::uuid)`,
    );
    values.push(place.at, place.id);
  };
  if (page.after) bound(page.after, '<');
  if (page.before) bound(page.before, '>');
  const direction = page.reverse ? 'asc' : 'desc';
  const where = conditions.map((condition) => `and ${condition}`).join(' ');
  const tail = `order by ${alias}.${column} ${direction}, ${alias}.id ${direction} limit $${from + values.length}`;
  values.push(page.limit + 1);
  return { where, tail, values };
}

/** @param rows as read by `keyset`: up to one more than the page, in reading order. */
export function toConnection<T>(rows: readonly T[], page: Page<unknown>): Connection<T> {
  const more = rows.length > page.limit;
  const shown = more ? rows.slice(0, page.limit) : rows;
  return page.reverse
    ? { rows: shown.toReversed(), hasNextPage: page.before !== null, hasPreviousPage: more }
    : { rows: shown, hasNextPage: more, hasPreviousPage: page.after !== null };
}

/** A row's cursor: opaque to clients, and harmless: it only ever narrows what the caller may see anyway. */
export function cursorOf(row: Paged): string {
  return Buffer.from(`${row.cursorAt}|${row.id}`).toString('base64url');
}

// There is no year 0 for PostgreSQL.
const INSTANT = /^((?!0000)\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?\+00$/;

function readPlace(cursor: string | null | undefined, name: string): Place | null {
  if (cursor === null || cursor === undefined) return null;
  const { at, id } = readCursor(cursor);
  if (!isUuid(id) || !isInstant(at)) throw notOfThisList(name);
  return { at, id };
}

const SEQUENCE = /^[1-9]\d{0,17}$/;

function readSequence(cursor: string | null | undefined, name: string): SequencePlace | null {
  if (cursor === null || cursor === undefined) return null;
  const { at: sequence, id: accountId } = readCursor(cursor);
  if (!isUuid(accountId) || !SEQUENCE.test(sequence)) throw notOfThisList(name);
  return { sequence, accountId };
}

function readCursor(cursor: string): { at: string; id: string } {
  const [at = '', id = '', ...rest] =
    cursor.length > 128 ? [] : Buffer.from(cursor, 'base64url').toString('latin1').split('|');
  return rest.length > 0 ? { at: '', id: '' } : { at, id };
}

/** A cursor that was made for another list, or by somebody else. */
export function notOfThisList(name: string): AppError {
  return invalidInput('This is no cursor of this list.', [name]);
}

// A day like 30 February has the right form, but the database would refuse it as a defect of ours.
function isInstant(text: string): boolean {
  const [, day, time] = INSTANT.exec(text) ?? [];
  const instant = new Date(`${day}T${time}Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(`${day}T${time}`);
}
