import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { MoneyDifference } from '../domain/money-difference.ts';
import { checkReportDays, type MoneyDay } from '../domain/money-report.ts';
import { encodeGlobalId } from '../global-id.ts';
import { readDifferences } from './money-difference.ts';
import { openReport, readMoneyDays, type MoneyReport, type ReportDays } from './money-report-read.ts';

const LINK_MS = 15 * 60_000;

/** What the link to a report says; signed for the purpose 'money-report'. */
export interface ReportTicket extends ReportDays {
  readonly tenantId: string;
}

/** A tenant's money day by day, from the ledger and beside its records. @throws INVALID_INPUT for days that are no range of a report */
export async function moneyReport(ctx: Context, days: ReportDays): Promise<MoneyReport> {
  authorize(ctx, 'report.money');
  checkReportDays(days.from, days.to);
  return openReport(ctx.reads, ctx.app.clock.now(), days);
}

/** @throws DEADLINE_EXCEEDED where the days hold too much for a request */
export function moneyRows(ctx: Context, report: MoneyReport): Promise<MoneyDay[]> {
  authorize(ctx, 'report.money');
  return readMoneyDays(ctx.reads, report);
}

/** @throws DEADLINE_EXCEEDED where the days hold too much for a request */
export function moneyDifferences(ctx: Context, report: MoneyReport): Promise<MoneyDifference[]> {
  authorize(ctx, 'report.money');
  return readDifferences(ctx.reads, ctx.app.clock.now(), report);
}

/** As people and `node` know them; transactions are known by their id in the table. */
export function differenceIds({ of }: Pick<MoneyDifference, 'of'>): string[] {
  return of.map(({ type, id }) => (type === null ? id : encodeGlobalId(type, id)));
}

/** A signed link to the report as a table, good for fifteen minutes and for these days of this tenant. */
export function moneyCsvLink(ctx: Context, { from, to }: MoneyReport): string {
  authorize(ctx, 'report.money');
  const expiresAt = new Date(ctx.app.clock.now().getTime() + LINK_MS);
  const ticket: ReportTicket = { tenantId: ctx.scope.tenantId, from, to };
  const token = ctx.app.vault.sign('money-report', ticket, expiresAt);
  return `${ctx.app.config.baseUrl}/reports/money.csv?token=${encodeURIComponent(token)}`;
}
