import { authorize } from '../access.ts';
import { childPageKey } from '../child-pages.ts';
import type { Context } from '../context.ts';
import { pgCode, type Transaction } from '../db.ts';
import { refusalToSwitchOn, type Mode } from '../domain/provider-switch.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { Vertical } from '../integrations/travel.ts';
import type { Done } from '../operations.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type Paged,
  type PageArguments,
} from '../paging.ts';
import { PROVIDER_COLUMNS, type HealthRecordRow, type HealthRow, type ProviderRow } from '../provider-reads.ts';
import { changeCatalogue, descriptionOf, lockProvider, refuseAway, type CatalogueTools } from './catalogue-change.ts';
import { recordChange } from './configuration.ts';
import { readCurrentCredentials, requiredNames } from './provider-credential-read.ts';
import {
  baseUrlsOf,
  cacheRulesOf,
  initialSettings,
  mergeSettings,
  settingsOf,
  type CacheRule,
  type ProviderFields,
  type ProviderSetting,
  type ProviderSettings,
} from './provider-settings.ts';

export interface CreateProviderInput extends ProviderFields {
  readonly idempotencyKey?: string | null | undefined;
  readonly slug: string;
}

export interface UpdateProviderInput extends CreateProviderInput {
  /** For one that is on and goes to production without a passing test. */
  readonly override?: boolean | null | undefined;
}

export interface SetProviderEnabledInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly slug: string;
  readonly enabled: boolean;
  readonly override?: boolean | null | undefined;
}

/** The catalogue (PRV-1), newest first. */
export async function listProviders(
  ctx: Context,
  vertical: Vertical | null,
  args: PageArguments,
): Promise<Connection<ProviderRow & Paged>> {
  authorize(ctx, 'provider.read');
  const page = pageArgs(args);
  const { where, tail, values } = keyset(page, 'v', 2);
  const text = `select ${PROVIDER_COLUMNS}, ${cursorColumn('v')} from providers v
    where ($1::vertical is null or $1::vertical = any(v.verticals)) ${where} ${tail}`;
  return toConnection(await ctx.reads.query<ProviderRow & Paged>(text, [vertical, ...values]), page);
}

export async function findProvider(ctx: Context, slug: string): Promise<ProviderRow | null> {
  authorize(ctx, 'provider.read');
  return ctx.loaders.provider.load(slug);
}

export async function providerById(ctx: Context, id: string): Promise<ProviderRow | null> {
  authorize(ctx, 'provider.read');
  return ctx.loaders.providerById.load(id);
}

export function providersByIds(ctx: Context, ids: readonly string[]): Promise<(ProviderRow | Error | null)[]> {
  authorize(ctx, 'provider.read');
  return ctx.loaders.providerById.loadMany(ids);
}

/** Nobody has called one that has no row. */
const UNKNOWN_HEALTH = {
  status: 'UNKNOWN',
  circuit: 'CLOSED',
  errorRate: 0,
  p95LatencyMs: null,
  reason: null,
  checkedAt: null,
} as const;

export async function healthOfProvider(ctx: Context, { slug }: ProviderRow): Promise<HealthRow> {
  authorize(ctx, 'provider.read');
  return (await ctx.loaders.providerHealth.load(slug)) ?? { slug, ...UNKNOWN_HEALTH };
}

/** Its samples and changes of status, newest first. */
export function healthHistoryOf(
  ctx: Context,
  { slug }: ProviderRow,
  args: PageArguments,
): Promise<Connection<HealthRecordRow>> {
  authorize(ctx, 'provider.read');
  return ctx.loaders.providerHealthHistory.load(childPageKey(slug, pageArgs(args)));
}

export function cachePolicyOf(ctx: Context, provider: ProviderRow): CacheRule[] {
  authorize(ctx, 'provider.read');
  return cacheRulesOf(ctx.app.providerDescriptions.get(provider.slug), provider);
}

/** How we reach a provider. */
export interface ProviderInside {
  readonly settings: ProviderSetting[];
  readonly baseUrls: Readonly<Record<Mode, string | null>>;
  readonly tests: ProviderRow['tests'];
}

/** For those who configure it. @throws FORBIDDEN */
export function inspectProvider(ctx: Context, provider: ProviderRow): ProviderInside {
  authorize(ctx, 'provider.inspect');
  const description = ctx.app.providerDescriptions.get(provider.slug);
  return {
    settings: settingsOf(description, provider),
    baseUrls: baseUrlsOf(description, provider, ctx.app.config.simulatorsUrl),
    tests: provider.tests,
  };
}

/** Off, whatever else is said: it is switched on when it can work. @throws INVALID_INPUT, CONFLICT */
export async function createProvider(ctx: Context, input: CreateProviderInput): Promise<Done> {
  authorize(ctx, 'provider.configure');
  refuseAway(ctx.scope);
  try {
    return await changeCatalogue(ctx, 'createProvider', input, () => (tools, tx) => insertProvider(tools, tx, input));
  } catch (error) {
    if (pgCode(error) === '23505')
      throw new AppError('CONFLICT', 'This provider is there already.', { field: ['input', 'slug'] });
    throw error;
  }
}

/** @throws NOT_FOUND, INVALID_INPUT; of one that is on and changes its mode, what setProviderEnabled throws */
export async function updateProvider(ctx: Context, input: UpdateProviderInput): Promise<Done> {
  authorize(ctx, 'provider.configure');
  refuseAway(ctx.scope);
  return changeCatalogue(ctx, 'updateProvider', input, () => (tools, tx) => changeProvider(tools, tx, input));
}

/**
 * On: requests may be routed there (PRV-5). In production it must have passed a connection test with the credentials it has now, unless
 * somebody overrides that, which the audit log keeps.
 * @throws NOT_FOUND, CONNECTION_TEST_REQUIRED, CREDENTIALS_MISSING, DECRYPTION_FAILED
 */
export async function setProviderEnabled(ctx: Context, input: SetProviderEnabledInput): Promise<Done> {
  authorize(ctx, 'provider.configure');
  refuseAway(ctx.scope);
  return changeCatalogue(ctx, 'setProviderEnabled', input, () => (tools, tx) => switchProvider(tools, tx, input));
}

/** The same for commands and the seed, in a transaction of the platform's. @throws INVALID_INPUT */
export async function insertProvider(
  tools: CatalogueTools,
  tx: Transaction,
  input: CreateProviderInput,
): Promise<Done> {
  const { slug } = input;
  const description = tools.descriptions.get(slug);
  if (!description)
    throw invalidInput(`The integrations are: ${[...tools.descriptions.keys()].join(', ') || 'none'}.`, [
      'input',
      'slug',
    ]);
  const settings = mergeSettings(description, initialSettings(description), input, tools.production);
  const id = tools.author.newId();
  const verticals = [description.vertical];
  await tx.query(INSERT, [slug, ...valuesOf(settings), id, verticals, tools.author.clock.now()]);
  await recordChange(tools.author, tx, {
    type: 'provider.changed',
    payload: { v: 1, slug },
    aggregateType: 'Provider',
    aggregateId: id,
    version: 1,
    action: 'provider.create',
    before: null,
    after: { slug, verticals, enabled: false, ...settings },
  });
  return { type: 'Provider', id };
}

async function changeProvider(tools: CatalogueTools, tx: Transaction, input: UpdateProviderInput): Promise<Done> {
  const provider = await lockProvider(tx, input.slug);
  const description = descriptionOf(tools, provider.slug);
  const after = mergeSettings(description, provider, input, tools.production);
  const override = input.override === true;
  if (provider.enabled && after.mode !== provider.mode)
    await demandSwitch(tools, tx, provider, { mode: after.mode, override, field: 'environmentMode' });
  await tx.query(UPDATE, [provider.slug, ...valuesOf(after), JSON.stringify(testsThatStand(provider, after))]);
  return recordProvider(tools, tx, provider, {
    action: 'provider.update',
    before: shownSettings(provider),
    after: { ...shownSettings(after), ...(override && { override }) },
  });
}

/** The same for commands, in a transaction of the platform's. @throws as setProviderEnabled */
export async function switchProvider(
  tools: CatalogueTools,
  tx: Transaction,
  input: SetProviderEnabledInput,
): Promise<Done> {
  const { slug, enabled } = input;
  const provider = await lockProvider(tx, slug);
  if (provider.enabled === enabled) return { type: 'Provider', id: provider.id };
  const override = enabled && input.override === true;
  if (enabled) await demandSwitch(tools, tx, provider, { mode: provider.mode, override, field: 'enabled' });
  await tx.query('update providers set enabled = $2, version = version + 1 where slug = $1', [slug, enabled]);
  return recordProvider(tools, tx, provider, {
    action: enabled ? 'provider.enable' : 'provider.disable',
    before: { enabled: provider.enabled },
    after: { enabled, mode: provider.mode, ...(override && { override }) },
  });
}

/** The event and the audit entry of a change of a locked provider, whose version it raised by one. */
export async function recordProvider(
  tools: CatalogueTools,
  tx: Transaction,
  { id, slug, version }: ProviderRow,
  change: { readonly action: string; readonly before: object | null; readonly after: object },
): Promise<Done> {
  await recordChange(tools.author, tx, {
    type: 'provider.changed',
    payload: { v: 1, slug },
    aggregateType: 'Provider',
    aggregateId: id,
    version: version + 1,
    ...change,
  });
  return { type: 'Provider', id };
}

async function demandSwitch(
  tools: CatalogueTools,
  tx: Transaction,
  { slug, tests }: ProviderRow,
  wanted: { readonly mode: Mode; readonly override: boolean; readonly field: string },
): Promise<void> {
  const { mode, override, field } = wanted;
  const { versions, unreadableNames } = await readCurrentCredentials(tools.vault, tx, slug, mode);
  const refusal = refusalToSwitchOn({
    mode,
    override,
    versions,
    unreadableNames,
    requiredNames: requiredNames(descriptionOf(tools, slug)),
    test: tests[mode] ?? null,
  });
  if (refusal)
    throw new AppError(refusal.code, refusal.message, {
      field: ['input', field],
      details: { mode, credentials: refusal.names },
    });
}

/** A test of another address, or with other settings, says nothing about these. */
function testsThatStand(before: ProviderRow, after: ProviderSettings): ProviderRow['tests'] {
  if (JSON.stringify(sorted(before.settings)) !== JSON.stringify(sorted(after.settings))) return {};
  return Object.fromEntries(
    Object.entries(before.tests).filter(([mode]) => before.baseUrls[mode as Mode] === after.baseUrls[mode as Mode]),
  );
}

function sorted(named: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(named).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function shownSettings(from: ProviderSettings): ProviderSettings {
  const { name, mode, baseUrls, settings, cacheSeconds, callsPerMinute, concurrentMax, checkEverySeconds } = from;
  return { name, mode, baseUrls, settings, cacheSeconds, callsPerMinute, concurrentMax, checkEverySeconds };
}

function valuesOf(from: ProviderSettings): unknown[] {
  return [
    from.name,
    from.mode,
    JSON.stringify(from.baseUrls),
    JSON.stringify(from.settings),
    JSON.stringify(from.cacheSeconds),
    from.callsPerMinute,
    from.concurrentMax,
    from.checkEverySeconds,
  ];
}

const INSERT = `insert into providers (slug, name, mode, base_urls, settings, cache_seconds, calls_per_minute, concurrent_max, check_every_seconds,
    id, verticals, created_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text[]::vertical[], $12)`;
const UPDATE = `update providers set name = $2, mode = $3, base_urls = $4, settings = $5, cache_seconds = $6, calls_per_minute = $7,
    concurrent_max = $8, check_every_seconds = $9, tests = $10, version = version + 1 where slug = $1`;
