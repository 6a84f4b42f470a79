import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { FAULTS, planDrill, type DrillPlan, type FaultRule, type FaultRuleInput } from '../domain/fault-drill.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { PaymentGateway } from '../generated/prisma/enums.ts';
import type { FaultDrillModel } from '../generated/prisma/models.ts';
import type { SandboxDrill } from '../integrations/drill-control.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, recordChange, refusePlatform } from './configuration.ts';

/** A tenant tries out what it does when its vendors misbehave (BEY-9): in their sandboxes, and for its own calls alone. */

export interface FaultDrillRow extends Omit<FaultDrillModel, 'rules'> {
  readonly rules: readonly FaultRule[];
}

export interface StartDrillInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly integration: string;
  readonly seed?: string | null | undefined;
  readonly clockFrom?: Date | null | undefined;
  readonly rules: readonly FaultRuleInput[];
  readonly minutes?: number | null | undefined;
}

export interface StopDrillInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly integration: string;
}

const SELECT = `select ${columns('FaultDrill', 'd')} from fault_drills d where d.tenant_id = current_tenant()`;
const RUNNING = `${SELECT} and d.ended_at is null and d.ends_at > $1`;

/** Those that are on, by the name of the integration. */
export async function runningDrills(ctx: Context): Promise<FaultDrillRow[]> {
  authorize(ctx, 'drill.read');
  return ctx.reads.query<FaultDrillRow>(`${RUNNING} order by d.integration`, [ctx.app.clock.now()]);
}

export async function drillsByIds(ctx: Context, ids: readonly string[]): Promise<(FaultDrillRow | null)[]> {
  authorize(ctx, 'drill.read');
  const rows = await ctx.reads.query<FaultDrillRow>(`${SELECT} and d.id = any($1::uuid[])`, [ids]);
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

/**
 * Begins a drill, in the place of one that is on. The sandbox is told first: until our row is written nobody is sent to it.
 * @throws INVALID_INPUT, INVALID_STATE with the `reason` in its details, CONFLICT, PROVIDER_UNAVAILABLE
 */
export async function startFaultDrill(ctx: Context, input: StartDrillInput): Promise<Done> {
  authorize(ctx, 'drill.run');
  const { app, scope } = ctx;
  refusePlatform(scope.tenantId === PLATFORM_TENANT_ID, 'fault drills');
  const done = await runOperation(ctx, 'startFaultDrill', { ...input }, async (operation) => {
    const plan = planDrill(input);
    const integration = await sandboxOf(ctx, input.integration);
    const id = app.newId();
    const told = app.gateways.bySlug(integration) ?? ((await app.providers.isSilent(integration)) ? 'SILENT' : null);
    const before = await operation.begin(async (tx) => {
      if (plan.seed !== null && told !== null) await refuseUsedSeed(tx, integration, plan.seed, told);
      const running = await tx.maybeOne<FaultDrillRow>(`${RUNNING} and d.integration = $2`, [
        app.clock.now(),
        integration,
      ]);
      return { about: { type: 'FaultDrill', id }, value: running ?? null };
    });
    await tellSandbox(ctx, integration, plan);
    return operation.finish((tx) => writeDrill(ctx, tx, { id, integration, plan, before }));
  });
  announceChange(ctx, 'tenant.changed', scope.tenantId);
  return done;
}

/** Ends a drill before its time. @throws NOT_FOUND where none is on */
export async function stopFaultDrill(ctx: Context, input: StopDrillInput): Promise<Done> {
  authorize(ctx, 'drill.run');
  const { app, scope } = ctx;
  const integration = input.integration.toLowerCase();
  let isStopped = false;
  const done = await runOperation(ctx, 'stopFaultDrill', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const id = await endDrill(ctx, tx, integration);
      isStopped = true;
      return { type: 'FaultDrill', id };
    }),
  );
  announceChange(ctx, 'tenant.changed', scope.tenantId);
  // Nobody is sent there any more, so a sandbox that can't be told is no reason to go on.
  const tenant = isStopped ? await app.auth.tenant(scope.tenantId) : undefined;
  if (tenant) await app.drills.control?.stop(tenant.slug, integration);
  return done;
}

type Refusal = 'PRODUCTION' | 'NO_SANDBOXES' | 'NOT_CONFIGURED' | 'LIVE' | 'ELSEWHERE';

function notPossible(reason: Refusal, message: string): AppError {
  return new AppError('INVALID_STATE', message, { field: ['input', 'integration'], details: { reason } });
}

/** The slug of an integration that this tenant meets in a sandbox of ours. @throws INVALID_INPUT, INVALID_STATE */
async function sandboxOf(ctx: Context, name: string): Promise<string> {
  const { config, drills, gateways, providers } = ctx.app;
  if (config.environment === 'production') throw notPossible('PRODUCTION', 'In production nothing is tried out.');
  if (drills.control === null) throw notPossible('NO_SANDBOXES', 'This installation has no sandboxes of its own.');
  const slug = name.toLowerCase();
  const gateway = gateways.bySlug(slug);
  const provider = (await providers.catalogue()).providers.get(slug);
  if (gateway === null && !provider) throw invalidInput('There is no such integration.', ['input', 'integration']);
  const connection = gateway === null ? null : await gateways.connect(ctx.scope.tenantId, gateway);
  if (gateway !== null && connection === null)
    throw notPossible('NOT_CONFIGURED', 'This gateway is not configured for the tenant.');
  if (connection ? !connection.testMode : provider!.mode !== 'SANDBOX')
    throw notPossible('LIVE', 'This is live: only what is in test mode or in its sandbox can be tried out.');
  if (!drills.isSandbox(connection?.baseUrl ?? provider!.baseUrls.SANDBOX))
    throw notPossible('ELSEWHERE', "This leads to the vendor's own sandbox, which takes no rules from us.");
  return slug;
}

/**
 * With a seed the vendor gives the same numbers again, and what it gave them to before is still in our books. Where nothing but such a
 * number says what a vendor tells us about, the second would be taken for the first: at gateways, and at providers that only tell.
 */
async function refuseUsedSeed(
  tx: Transaction,
  integration: string,
  seed: string,
  told: PaymentGateway | 'SILENT',
): Promise<void> {
  const left =
    told === 'SILENT'
      ? await tx.query(LEFT_BOOKINGS, [integration, seed])
      : await tx.query(LEFT_PAYMENTS, [integration, seed, told]);
  if (left.length > 0)
    throw new AppError(
      'CONFLICT',
      'An earlier drill with this seed left its numbers in your books. Take another seed.',
      { field: ['input', 'seed'] },
    );
}

const EARLIER = `select 1 from fault_drills d join`;
const MEANWHILE = `x.tenant_id = d.tenant_id and x.created_at >= d.started_at and x.created_at <= coalesce(d.ended_at, d.ends_at)
  where d.tenant_id = current_tenant() and d.integration = $1 and d.seed = $2`;
const LEFT_PAYMENTS = `${EARLIER} payments x on ${MEANWHILE} and x.gateway::text = $3
  and (x.gateway_key is not null or x.gateway_reference is not null) limit 1`;
const LEFT_BOOKINGS = `${EARLIER} bookings x on ${MEANWHILE} and x.provider_slug = d.integration
  and x.provider_reference is not null limit 1`;

/** @throws PROVIDER_UNAVAILABLE */
async function tellSandbox(ctx: Context, integration: string, plan: DrillPlan): Promise<void> {
  const { auth, drills, log } = ctx.app;
  const tenant = await auth.tenant(ctx.scope.tenantId);
  const outcome = await drills.control!.start(tenant!.slug, integration, toldOf(plan));
  if (outcome.kind === 'done') return;
  log.warn({ integration, detail: outcome.detail }, 'a sandbox was not told of a drill');
  throw new AppError('PROVIDER_UNAVAILABLE', 'The sandbox does not answer at present. Please try again shortly.');
}

/** A drill as the sandboxes want it, without what was left open. */
function toldOf({ seed, clockFrom, rules, minutes }: DrillPlan): SandboxDrill {
  return {
    ...(seed !== null && { seed }),
    ...(clockFrom !== null && { startAt: clockFrom.toISOString() }),
    seconds: minutes * 60,
    rules: rules.map(({ fault, ...rule }) => ({
      ...Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== null)),
      fault: FAULTS[fault],
    })),
  };
}

interface NewDrill {
  readonly id: string;
  readonly integration: string;
  readonly plan: DrillPlan;
  /** The one that was on. */
  readonly before: FaultDrillRow | null;
}

async function writeDrill(ctx: Context, tx: Transaction, { id, integration, plan, before }: NewDrill): Promise<Done> {
  const version = await lockTenant(tx);
  const now = ctx.app.clock.now();
  // Without a seed the sandbox goes on as it is.
  const { seed, clockFrom } = plan.seed === null && before !== null ? before : plan;
  const endsAt = new Date(now.getTime() + plan.minutes * 60_000);
  await tx.query(END, [integration, now]);
  await tx.query(
    `insert into fault_drills (tenant_id, id, integration, seed, clock_from, rules, started_at, ends_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7)`,
    [id, integration, seed, clockFrom, JSON.stringify(plan.rules), now, endsAt],
  );
  const after = { integration, seed, clockFrom, rules: plan.rules, endsAt };
  await recordDrill(ctx, tx, { version, action: 'drill.start', before: before && shown(before), after });
  return { type: 'FaultDrill', id };
}

/** @returns its id @throws NOT_FOUND */
async function endDrill(ctx: Context, tx: Transaction, integration: string): Promise<string> {
  const version = await lockTenant(tx);
  const now = ctx.app.clock.now();
  const drill = await tx.maybeOne<FaultDrillRow>(`${RUNNING} and d.integration = $2`, [now, integration]);
  if (!drill) throw notFound('fault drill', ['input', 'integration']);
  await tx.query(END, [integration, now]);
  await recordDrill(ctx, tx, { version, action: 'drill.stop', before: shown(drill), after: null });
  return drill.id;
}

const END = `update fault_drills set ended_at = least(ends_at, $2) where tenant_id = current_tenant() and integration = $1
  and ended_at is null`;

// Two changes at once come one after the other, and whoever remembers a connection of the tenant's reads it anew.
async function lockTenant(tx: Transaction): Promise<number> {
  const { version } = await tx.one<{ version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning version',
  );
  return version;
}

const shown = ({ integration, seed, clockFrom, rules, endsAt }: FaultDrillRow) => ({
  integration,
  seed,
  clockFrom,
  rules,
  endsAt,
});

function recordDrill(
  ctx: Context,
  tx: Transaction,
  change: { version: number; action: string; before: unknown; after: unknown },
): Promise<void> {
  return recordChange(authorOf(ctx), tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: ctx.scope.tenantId,
    ...change,
  });
}
