import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Statements, Transaction } from '../db.ts';
import {
  localTime,
  openMinutesOf,
  WEEKDAYS,
  type BusinessHours,
  type GivenHours,
  type OpenMinutes,
  type Weekday,
} from '../domain/business-hours.ts';
import { invalidInput } from '../errors.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';

export interface UpdateBusinessHoursInput {
  readonly tenantId?: string | null | undefined;
  readonly days: readonly (GivenHours & { readonly day: Weekday })[];
  readonly exceptions?: readonly (GivenHours & { readonly date: string })[] | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/** More than anybody needs for some years, and few enough to be read at once. */
const EXCEPTIONS_MAX = 1_000;

interface HoursRow {
  readonly day: number;
  readonly opensMinute: number;
  readonly closesMinute: number;
}
interface ExceptionRow {
  readonly date: string;
  readonly opensMinute: number | null;
  readonly closesMinute: number | null;
}

/** @param dates the exceptions from one to another; all where none are given */
export async function readBusinessHours(
  statements: Statements,
  dates: { from: string | null; to: string | null } = { from: null, to: null },
): Promise<BusinessHours> {
  const [days, exceptions] = await Promise.all([
    statements.query<HoursRow>(
      `select h.day, h.opens_minute as "opensMinute", h.closes_minute as "closesMinute" from business_hours h
       where h.tenant_id = current_tenant()`,
    ),
    statements.query<ExceptionRow>(
      `select to_char(e.date, 'YYYY-MM-DD') as date, e.opens_minute as "opensMinute", e.closes_minute as "closesMinute" from hours_exceptions e
       where e.tenant_id = current_tenant() and ($1::date is null or e.date >= $1) and ($2::date is null or e.date <= $2)`,
      [dates.from, dates.to],
    ),
  ]);
  return hoursOf(days, exceptions);
}

function hoursOf(days: readonly HoursRow[], exceptions: readonly ExceptionRow[]): BusinessHours {
  return {
    week: new Map(days.map(({ day, ...open }) => [day, open])),
    exceptions: new Map(
      exceptions.map(({ date, opensMinute, closesMinute }) => [
        date,
        opensMinute === null || closesMinute === null ? null : { opensMinute, closesMinute },
      ]),
    ),
  };
}

export interface ShownHours {
  readonly open: string | null;
  readonly close: string | null;
  readonly closed: boolean;
}
export interface ShownBusinessHours {
  readonly days: readonly (ShownHours & { readonly day: Weekday })[];
  readonly exceptions: readonly (ShownHours & { readonly date: string })[];
}

/** As people write them: every weekday from Monday on, and the exceptions by date. */
function shown({ week, exceptions }: BusinessHours): ShownBusinessHours {
  return {
    days: WEEKDAYS.map((day, index) => ({ day, ...shownHours(week.get(index + 1) ?? null) })),
    exceptions: [...exceptions]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([date, open]) => ({ date, ...shownHours(open) })),
  };
}

function shownHours(open: OpenMinutes | null): ShownHours {
  if (!open) return { open: null, close: null, closed: true };
  return { open: localTime(open.opensMinute), close: localTime(open.closesMinute), closed: false };
}

interface TenantWithHours {
  readonly id: string;
  readonly slug: string;
  readonly businessHours: readonly HoursRow[];
  readonly hoursExceptions: readonly (Omit<ExceptionRow, 'date'> & { readonly date: Date })[];
}

/** When a tenant is open: everybody who may see the tenant may know. @throws INVALID_INPUT for another tenant than the one worked in */
export function businessHoursOf(ctx: Context, tenant: TenantWithHours): ShownBusinessHours {
  authorize(ctx, 'tenant.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's hours.`);
  const exceptions = tenant.hoursExceptions.map((row) => ({ ...row, date: row.date.toISOString().slice(0, 10) }));
  return shown(hoursOf(tenant.businessHours, exceptions));
}

/**
 * Sets the days and dates that are named; the others stay. A date of which nothing is said goes back to its weekday's hours. What is
 * booked stays as it is.
 * @throws INVALID_INPUT, NOT_FOUND
 */
export async function updateBusinessHours(ctx: Context, input: UpdateBusinessHoursInput): Promise<Done> {
  authorize(ctx, 'diary.configure');
  checkTenantId(ctx, input.tenantId);
  const done = await runOperation(ctx, 'updateBusinessHours', { ...input }, (operation) =>
    operation.once((tx) => writeBusinessHours(authorOf(ctx), tx, input)),
  );
  announceChange(ctx, 'tenant.changed', ctx.scope.tenantId);
  return done;
}

/** The same for commands and the seed, in a transaction of the tenant's. */
export async function writeBusinessHours(
  author: Author,
  tx: Transaction,
  input: UpdateBusinessHoursInput,
): Promise<Done> {
  const days = daysOf(input);
  const dates = datesOf(input);
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  const before = await readBusinessHours(tx);
  for (const [day, open] of days) writeDay(tx, day, open);
  for (const [date, open] of dates) writeDate(tx, date, open);
  const after = await readBusinessHours(tx);
  if (after.exceptions.size > EXCEPTIONS_MAX)
    throw invalidInput(`There are ${EXCEPTIONS_MAX} exceptions at most.`, ['input', 'exceptions']);
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action: 'businessHours.update',
    before: shown(before),
    after: shown(after),
  });
  return { type: 'Tenant', id };
}

function daysOf({ days }: UpdateBusinessHoursInput): Map<number, OpenMinutes | null> {
  const named = new Map<number, OpenMinutes | null>();
  for (const [index, given] of days.entries()) {
    const field = ['input', 'days', String(index)];
    const day = WEEKDAYS.indexOf(given.day) + 1;
    if (named.has(day)) throw invalidInput('Each weekday is named once.', [...field, 'day']);
    const open = openMinutesOf(given, field);
    if (open === undefined)
      throw invalidInput('Say when it opens and closes, or that it is closed.', [...field, 'open']);
    named.set(day, open);
  }
  return named;
}

function datesOf({ exceptions }: UpdateBusinessHoursInput): Map<string, OpenMinutes | null | undefined> {
  if ((exceptions?.length ?? 0) > EXCEPTIONS_MAX)
    throw invalidInput(`There are ${EXCEPTIONS_MAX} exceptions at most.`, ['input', 'exceptions']);
  const named = new Map<string, OpenMinutes | null | undefined>();
  for (const [index, given] of (exceptions ?? []).entries()) {
    const field = ['input', 'exceptions', String(index)];
    if (named.has(given.date)) throw invalidInput('Each date is named once.', [...field, 'date']);
    named.set(given.date, openMinutesOf(given, field));
  }
  return named;
}

function writeDay(tx: Transaction, day: number, open: OpenMinutes | null): void {
  if (!open) return tx.later('delete from business_hours where tenant_id = current_tenant() and day = $1', [day]);
  tx.later(
    `insert into business_hours (tenant_id, day, opens_minute, closes_minute) values (current_tenant(), $1, $2, $3)
     on conflict (tenant_id, day) do update set opens_minute = excluded.opens_minute, closes_minute = excluded.closes_minute`,
    [day, open.opensMinute, open.closesMinute],
  );
}

function writeDate(tx: Transaction, date: string, open: OpenMinutes | null | undefined): void {
  if (open === undefined)
    return tx.later('delete from hours_exceptions where tenant_id = current_tenant() and date = $1', [date]);
  tx.later(
    `insert into hours_exceptions (tenant_id, date, opens_minute, closes_minute) values (current_tenant(), $1, $2, $3)
     on conflict (tenant_id, date) do update set opens_minute = excluded.opens_minute, closes_minute = excluded.closes_minute`,
    [date, open?.opensMinute ?? null, open?.closesMinute ?? null],
  );
}
