import { authorize } from '../access.ts';
import { columns } from '../columns.ts';
import type { App, Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { decidePause, JUDGED_MS, type MarketingFigures } from '../domain/marketing-pause.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { MarketingPauseModel } from '../generated/prisma/models.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';

export type MarketingPauseRow = MarketingPauseModel;

/** How often mails that wait for their stream to be resumed are looked at, and after how long nobody waits any more. */
export const PAUSED_LOOK_MS = 60 * 60_000;
export const PAUSED_WAIT_MS_MAX = 7 * 86_400_000;
/** Why such a mail waits. */
export const PAUSED = 'PAUSED';

const SELECT = `select ${columns('MarketingPause', 'p')} from marketing_pauses p where p.tenant_id = current_tenant() and p.resumed_at is null`;

/** Whether marketing mail is stopped. */
export async function isMarketingPaused(tx: Transaction): Promise<boolean> {
  return (await tx.query(SELECT)).length > 0;
}

// Bounces come by the dozen at once: each is counted after the ones before it, or the last two would both be too early.
const ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('marketing-pause ' || current_tenant()::text, 0))";
const FIGURES = `select count(*)::int as mails, (count(*) filter (where m.state = 'BOUNCED'))::int as bounces,
    (count(*) filter (where m.state = 'COMPLAINED'))::int as complaints
  from mail_messages m where m.tenant_id = current_tenant() and m.stream = 'MARKETING' and m.accepted_at is not null
    and m.accepted_at > greatest($1::timestamptz, (select p.resumed_at from marketing_pauses p where p.tenant_id = current_tenant()))`;
const PAUSE = `insert into marketing_pauses (tenant_id, reason, mails, bounces, complaints, paused_at) values (current_tenant(), $1, $2, $3, $4, $5)
  on conflict (tenant_id) do update set reason = excluded.reason, mails = excluded.mails, bounces = excluded.bounces,
    complaints = excluded.complaints, paused_at = excluded.paused_at, resumed_at = null`;

/** Stops the tenant's marketing mail where what comes back of it is too much. Called when something did. @returns true where it stopped now */
export async function judgeMarketing(app: Pick<App, 'clock' | 'newId'>, tx: Transaction): Promise<boolean> {
  await tx.query(ONE_AT_A_TIME);
  if (await isMarketingPaused(tx)) return false;
  const now = app.clock.now();
  const figures = await tx.one<MarketingFigures>(FIGURES, [new Date(now.getTime() - JUDGED_MS)]);
  const reason = decidePause(figures);
  if (reason === null) return false;
  const { mails, bounces, complaints } = figures;
  await tx.query(PAUSE, [reason, mails, bounces, complaints, now]);
  const author = { name: 'system', clock: app.clock, newId: app.newId };
  await record(author, tx, 'marketing.pause', { reason, ...figures });
  return true;
}

/** By which figures the tenant's marketing mail is stopped; null while it goes out. @throws FORBIDDEN */
export async function marketingPauseOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<MarketingPauseRow | null> {
  authorize(ctx, 'mail.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's mail.`);
  const [row] = await ctx.reads.query<MarketingPauseRow>(SELECT);
  return row ?? null;
}

/** Lets the tenant's marketing mail out again: what waited goes first, and what came back before is not held against it. @throws INVALID_STATE */
export async function resumeMarketing(
  ctx: Context,
  input: { readonly idempotencyKey?: string | null | undefined; readonly tenantId?: string | null | undefined },
): Promise<Done> {
  authorize(ctx, 'mail.allow');
  checkTenantId(ctx, input.tenantId);
  const { tenantId } = ctx.scope;
  const done = await runOperation(ctx, 'resumeMarketing', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const now = ctx.app.clock.now();
      const resumed = await tx.query(
        'update marketing_pauses set resumed_at = $1 where tenant_id = current_tenant() and resumed_at is null returning 1',
        [now],
      );
      if (resumed.length === 0) throw new AppError('INVALID_STATE', 'Marketing mail is not stopped.');
      await tx.query(
        `update mail_messages set next_attempt_at = $1, reason = null
         where tenant_id = current_tenant() and next_attempt_at is not null and stream = 'MARKETING' and reason = $2`,
        [now, PAUSED],
      );
      await record(authorOf(ctx), tx, 'marketing.resume', null);
      return { type: 'Tenant', id: tenantId };
    }),
  );
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

async function record(author: Author, tx: Transaction, action: string, after: object | null): Promise<void> {
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action,
    before: null,
    after,
  });
}
