import { pgCode, type Statements } from '../db.ts';
import { dayBounds, daysBetween, localDay } from '../domain/local-day.ts';
import type { LoyaltyRules } from '../domain/loyalty.ts';
import {
  moneyDays,
  type LedgerBalance,
  type LedgerSum,
  type MoneyDay,
  type OpenOrders,
} from '../domain/money-report.ts';
import { AppError } from '../errors.ts';
import { readRules } from './loyalty-rules.ts';

export interface ReportDays {
  /** Where the tenant is, both days among them. */
  readonly from: string;
  readonly to: string;
}

/** What a report is about, before anything of it is read. */
export interface MoneyReport extends ReportDays {
  readonly timeZone: string;
  readonly currencyCode: string;
  readonly rules: LoyaltyRules | undefined;
  /** Those that have begun. */
  readonly days: readonly string[];
  /** Where each of them begins, and where the last one ends. */
  readonly bounds: readonly Date[];
}

/** The tenant's days and what they are told in. */
export async function openReport(statements: Statements, now: Date, { from, to }: ReportDays): Promise<MoneyReport> {
  const [[tenant], rules] = await Promise.all([
    statements.query<Pick<MoneyReport, 'timeZone' | 'currencyCode'>>(
      'select time_zone as "timeZone", currency_code as "currencyCode" from tenants where id = current_tenant()',
    ),
    readRules(statements),
  ]);
  const { timeZone, currencyCode } = tenant!;
  const today = localDay(now, timeZone);
  const days = daysBetween(from, to < today ? to : today);
  return { from, to, timeZone, currencyCode, rules, days, bounds: dayBounds(days, timeZone) };
}

const SUMS = `select day, currency as "currencyCode", kind, account, debit as "debitMinor", credit as "creditMinor"
  from sum_ledger_days($1::timestamptz[])`;

const BALANCES = `select kind as account, currency_code as "currencyCode", sum(balance_minor)::bigint as "balanceMinor"
  from ledger_accounts where tenant_id = current_tenant() group by 1, 2`;

// Orders that began and ceased to wait for money on one day are on no day's end. A top-up is the customer's own wish: nobody owes it.
const OPEN_ORDERS = `select o.currency_code as "currencyCode", d.issued as "issuedDay", d.closed as "closedDay",
    sum(o.total_minor)::bigint as "totalMinor"
  from orders o
  cross join lateral (select coalesce(least(o.paid_at, o.closed_at), 'infinity') as closed_at) c
  cross join lateral (select width_bucket(o.issued_at, $1::timestamptz[]) as issued, width_bucket(c.closed_at, $1::timestamptz[]) as closed) d
  where o.tenant_id = current_tenant() and o.issued_at is not null and c.closed_at >= ($1::timestamptz[])[1]
    and o.issued_at < ($1::timestamptz[])[cardinality($1::timestamptz[])] and d.issued < d.closed
    and o.type <> 'TOP_UP' and (o.closed_at is not null or o.status not in ('CANCELLED', 'EXPIRED'))
  group by 1, 2, 3`;

/** The rows of a report. @throws DEADLINE_EXCEEDED */
export async function readMoneyDays(statements: Statements, report: MoneyReport): Promise<MoneyDay[]> {
  if (report.days.length === 0) return [];
  const values = [instants(report)];
  const [sums, balances, orders] = await inTime(() =>
    Promise.all([
      statements.query<LedgerSum>(SUMS, values),
      statements.query<LedgerBalance>(BALANCES),
      statements.query<OpenOrders>(OPEN_ORDERS, values),
    ]),
  );
  return moneyDays({ ...report, sums, balances, orders });
}

/** The bounds of a report's days as the database reads them. */
export function instants({ bounds }: Pick<MoneyReport, 'bounds'>): string[] {
  return bounds.map((bound) => bound.toISOString());
}

/** Runs what may be too much for one statement. @throws DEADLINE_EXCEEDED where it is: fewer days are less work */
export async function inTime<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (pgCode(error) !== '57014') throw error;
    throw new AppError('DEADLINE_EXCEEDED', 'These days hold too much for one report. Please ask for fewer.', {
      cause: error,
    });
  }
}
