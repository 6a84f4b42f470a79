import type { App } from '../context.ts';
import type { Scope } from '../db.ts';
import { dayBounds, daysBetween, localDay } from '../domain/local-day.ts';

/** Long after the last transaction of a day that was under way when it ended. */
const SETTLED_AFTER_MS = 3_600_000;
/** In one statement, which is a second's work for a large tenant. */
const DAYS_AT_ONCE = 7;
/** Of a long history that is summed for the first time the rest is due again. */
const WORK_MS_MAX = 60_000;

/** Sums the days of a tenant's ledger that are over and keeps the sums for reports (money-report-read.ts). Safe to run twice. */
export async function keepLedgerDays(app: Pick<App, 'db' | 'clock'>, scope: Scope): Promise<void> {
  const endsAtMs = app.clock.now().getTime() + WORK_MS_MAX;
  const bounds = await boundsOfLedger(app, scope);
  for (let first = 0; first + 1 < bounds.length && app.clock.now().getTime() < endsAtMs; first += DAYS_AT_ONCE) {
    const days = bounds.slice(first, first + DAYS_AT_ONCE + 1).map((bound) => bound.toISOString());
    await app.db.write(scope, (tx) => tx.query('select keep_ledger_days($1::timestamptz[])', [days]));
  }
}

/** Where the tenant's days begin, from the ledger's first to the end of the last that is over. */
async function boundsOfLedger({ db, clock }: Pick<App, 'db' | 'clock'>, scope: Scope): Promise<Date[]> {
  const { first, timeZone } = await db.read(scope, (tx) =>
    tx.one<{ first: Date | null; timeZone: string }>(
      `select t.time_zone as "timeZone", (select l.occurred_at from ledger_transactions l where l.tenant_id = current_tenant()
         order by l.occurred_at limit 1) as first from tenants t where t.id = current_tenant()`,
    ),
  );
  if (!first) return [];
  const settledAt = new Date(clock.now().getTime() - SETTLED_AFTER_MS);
  const days = daysBetween(localDay(first, timeZone), localDay(settledAt, timeZone));
  return dayBounds(days.slice(0, -1), timeZone);
}
