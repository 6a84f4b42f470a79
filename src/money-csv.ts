import type { App } from './context.ts';
import { moneyCsv } from './domain/money-csv.ts';
import { AppError } from './errors.ts';
import { isUuid } from './ids.ts';
import { readDifferences } from './resolvers/money-difference.ts';
import { openReport, readMoneyDays } from './resolvers/money-report-read.ts';
import { differenceIds, type ReportTicket } from './resolvers/money-report.ts';
import { json, NOT_FOUND, type RouteAnswer, type RouteRequest } from './routes.ts';

/** Reports under way at once in this process: each is some seconds' work for the database where a tenant is large. */
const REPORTS_MAX = 3;

const refusal = (code: string, message: string) => json(503, { error: { code, message } });
const BUSY = refusal('OVERLOADED', 'Other reports are being made. Please try again in a moment.');

/** GET /reports/money.csv?token=...: the token says whose money of which days, and until when the link may be opened. */
export function createMoneyCsv(app: App): (request: RouteRequest) => Promise<RouteAnswer> {
  let underWay = 0;
  return async ({ query }) => {
    const ticket = app.vault.verify<ReportTicket>('money-report', query.get('token') ?? '', app.clock.now());
    if (!ticket || !isUuid(ticket.tenantId)) return NOT_FOUND;
    if (underWay >= REPORTS_MAX) return BUSY;
    underWay += 1;
    try {
      const body = await readTable(app, ticket);
      return {
        status: 200,
        headers: {
          'content-type': 'text/csv; charset=utf-8; header=present',
          'content-disposition': `attachment; filename="money-${ticket.from}-${ticket.to}.csv"`,
          'cache-control': 'private, no-store',
        },
        body,
      };
    } catch (error) {
      if (error instanceof AppError && error.code === 'DEADLINE_EXCEEDED') return refusal(error.code, error.message);
      throw error;
    } finally {
      underWay -= 1;
    }
  };
}

/** Rows and differences of one snapshot: 92 days at most, so it is a matter of kilobytes. */
function readTable(app: App, { tenantId, from, to }: ReportTicket): Promise<string> {
  const now = app.clock.now();
  return app.db.read({ tenantId, customerId: null }, async (tx) => {
    const report = await openReport(tx, now, { from, to });
    const days = await readMoneyDays(tx, report);
    const differences = await readDifferences(tx, now, report);
    return moneyCsv(
      days,
      differences.map(({ of, ...difference }) => ({ ...difference, ids: differenceIds({ of }) })),
    );
  });
}
