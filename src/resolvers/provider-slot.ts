import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { childPageKey } from '../child-pages.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { faultsOf, type RoutingRules } from '../domain/routing-rules.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
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
import { PROVIDER_COLUMNS, SLOT_COLUMNS, type ProviderRow, type ProviderSlotRow } from '../provider-reads.ts';
import { changeCatalogue, type CatalogueTools } from './catalogue-change.ts';
import { checkTenantId, recordChange } from './configuration.ts';
import type { TenantRow } from './tenant.ts';

type Given<T> = T | null | undefined;

export interface SlotFields {
  readonly vertical: Vertical;
  readonly providerSlug: string;
  readonly enabled: boolean;
  readonly priority: number;
  readonly routingRules?: Given<{ readonly [Field in keyof RoutingRules]?: Given<RoutingRules[Field]> }>;
}

export interface UpsertSlotInput extends SlotFields {
  readonly idempotencyKey?: Given<string>;
  /** None: a new one. */
  readonly id?: Given<string>;
  readonly tenantId?: Given<string>;
}

export interface DeleteSlotInput {
  readonly idempotencyKey?: Given<string>;
  readonly id: string;
}

const PRIORITY_MAX = 1_000_000;
/** Of one tenant, or of all: every search looks at all that count. */
const SLOTS_MAX = 200;
const LIST_MAX = 300;

/** One's own slots and the global ones; the platform at home sees all (PRV-6). Newest first. @throws NOT_FOUND for what is no tenant's id */
export async function listProviderSlots(
  ctx: Context,
  filter: { readonly vertical?: Given<Vertical>; readonly tenantId?: Given<string> },
  args: PageArguments,
): Promise<Connection<ProviderSlotRow & Paged>> {
  authorize(ctx, 'slot.read');
  const tenantId = filter.tenantId ? idOf('Tenant', filter.tenantId, ['tenantId']) : null;
  const page = pageArgs(args);
  const { where, tail, values } = keyset(page, 's', 3);
  const text = `select ${SLOT_COLUMNS}, ${cursorColumn('s')} from provider_slots s
    where s.deleted_at is null and ($1::uuid is null or s.tenant_id = $1) and ($2::vertical is null or s.vertical = $2) ${where} ${tail}`;
  const rows = await ctx.reads.query<ProviderSlotRow & Paged>(text, [tenantId, filter.vertical ?? null, ...values]);
  return toConnection(rows, page);
}

/** Those of a provider that the caller may see. */
export function slotsOfProvider(
  ctx: Context,
  { slug }: ProviderRow,
  args: PageArguments,
): Promise<Connection<ProviderSlotRow & Paged>> {
  authorize(ctx, 'slot.read');
  return ctx.loaders.slotsOfProvider.load(childPageKey(slug, pageArgs(args)));
}

/** A tenant's own. Where it has none in a vertical, the global ones count. */
export function slotsOfTenant(
  ctx: Context,
  { id }: { readonly id: string },
  args: PageArguments,
): Promise<Connection<ProviderSlotRow & Paged>> {
  authorize(ctx, 'slot.read');
  return ctx.loaders.slotsOfTenant.load(childPageKey(id, pageArgs(args)));
}

/** Every slot has one: the database holds that. */
export async function providerOfSlot(ctx: Context, { providerSlug }: ProviderSlotRow): Promise<ProviderRow> {
  authorize(ctx, 'provider.read');
  const provider = await ctx.loaders.provider.load(providerSlug);
  if (!provider) throw new Error(`A slot of no provider: ${providerSlug}`);
  return provider;
}

export async function tenantOfSlot(ctx: Context, { tenantId }: ProviderSlotRow): Promise<TenantRow | null> {
  authorize(ctx, 'tenant.read');
  return tenantId === null ? null : ctx.loaders.tenant.load(tenantId);
}

export async function slotsByIds(ctx: Context, ids: readonly string[]): Promise<(ProviderSlotRow | Error | null)[]> {
  authorize(ctx, 'slot.read');
  const rows = await ctx.loaders.providerSlot.loadMany(ids);
  return rows.map((row) => (row instanceof Error || row?.deletedAt === null ? row : null));
}

/**
 * Makes a slot or changes one: at home a global one, with X-Tenant that tenant's.
 * @throws NOT_FOUND for another's, INVALID_INPUT
 */
export async function upsertProviderSlot(ctx: Context, input: UpsertSlotInput): Promise<Done> {
  authorize(ctx, 'slot.configure');
  const tenantId = ownerOf(ctx, input.tenantId);
  const id = input.id ? idOf('ProviderSlot', input.id, ['input', 'id']) : null;
  return changeCatalogue(
    ctx,
    'upsertProviderSlot',
    input,
    () => (tools, tx) =>
      id === null ? insertSlot(tools, tx, tenantId, input) : changeSlot(tools, tx, { id, tenantId }, input),
  );
}

/** Takes a slot out of routing for good; what was decided by it still names it. @throws NOT_FOUND */
export async function deleteProviderSlot(ctx: Context, input: DeleteSlotInput): Promise<Done> {
  authorize(ctx, 'slot.configure');
  const tenantId = ownerOf(ctx, null);
  const id = idOf('ProviderSlot', input.id, ['input', 'id']);
  return changeCatalogue(ctx, 'deleteProviderSlot', input, () => (tools, tx) => endSlot(tools, tx, { id, tenantId }));
}

/** Whose slots are meant; null: everybody's. */
function ownerOf(ctx: Context, tenantId: Given<string>): string | null {
  checkTenantId(ctx, tenantId);
  if (ctx.scope.tenantId !== PLATFORM_TENANT_ID) return ctx.scope.tenantId;
  if (tenantId)
    throw invalidInput('The platform has no slots of its own: leave it out for a global one.', ['input', 'tenantId']);
  return null;
}

/** The same for commands and the seed, in a transaction of the platform's. @throws INVALID_INPUT, INVALID_STATE */
export async function insertSlot(
  tools: CatalogueTools,
  tx: Transaction,
  tenantId: string | null,
  fields: SlotFields,
): Promise<Done> {
  const after = await checkFields(tx, fields);
  const { live } = await tx.one<{ live: bigint }>(
    'select count(*) as live from provider_slots where tenant_id is not distinct from $1 and deleted_at is null',
    [tenantId],
  );
  if (live >= SLOTS_MAX)
    throw new AppError('INVALID_STATE', `There are ${SLOTS_MAX} slots at most. Delete those no longer used.`);
  const id = tools.author.newId();
  await tx.query(
    `insert into provider_slots (id, tenant_id, vertical, provider_slug, enabled, priority, rules, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, tenantId, ...valuesOf(after), tools.author.clock.now()],
  );
  return recordSlot(tools, tx, { id, tenantId, version: 1 }, { action: 'slot.create', before: null, after });
}

async function changeSlot(
  tools: CatalogueTools,
  tx: Transaction,
  of: { readonly id: string; readonly tenantId: string | null },
  fields: SlotFields,
): Promise<Done> {
  const slot = await lockSlot(tx, of);
  const after = await checkFields(tx, fields);
  await tx.query(
    `update provider_slots set vertical = $2, provider_slug = $3, enabled = $4, priority = $5, rules = $6, version = version + 1
     where id = $1`,
    [slot.id, ...valuesOf(after)],
  );
  return recordSlot(
    tools,
    tx,
    { ...of, version: slot.version + 1 },
    { action: 'slot.update', before: shownSlot(slot), after },
  );
}

async function endSlot(
  tools: CatalogueTools,
  tx: Transaction,
  of: { readonly id: string; readonly tenantId: string | null },
): Promise<Done> {
  const slot = await lockSlot(tx, of);
  await tx.query('update provider_slots set deleted_at = $2, version = version + 1 where id = $1', [
    slot.id,
    tools.author.clock.now(),
  ]);
  const before = shownSlot(slot);
  return recordSlot(tools, tx, { ...of, version: slot.version + 1 }, { action: 'slot.delete', before, after: null });
}

/** What a slot says, as it is checked, kept and audited. */
interface SlotFacts {
  readonly vertical: Vertical;
  readonly providerSlug: string;
  readonly enabled: boolean;
  readonly priority: number;
  readonly routingRules: RoutingRules;
}

async function lockSlot(
  tx: Transaction,
  { id, tenantId }: { readonly id: string; readonly tenantId: string | null },
): Promise<ProviderSlotRow> {
  const slot = await tx.maybeOne<ProviderSlotRow>(
    `select ${SLOT_COLUMNS} from provider_slots s
     where s.id = $1 and s.tenant_id is not distinct from $2 and s.deleted_at is null for update`,
    [id, tenantId],
  );
  if (!slot) throw notFound('slot', ['input', 'id']);
  return slot;
}

/**
 * The rules of a slot as they are kept, with its priority checked.
 * @param field where the slot stands in the input
 * @throws INVALID_INPUT
 */
export function checkedRules(fields: SlotFields, field: readonly string[]): RoutingRules {
  const { priority } = fields;
  if (priority < 0 || priority > PRIORITY_MAX)
    throw invalidInput(`A priority is a number from 0 to ${PRIORITY_MAX}; lower is asked first.`, [
      ...field,
      'priority',
    ]);
  const routingRules = rulesOf(fields, field);
  const [fault] = faultsOf(routingRules);
  if (fault) throw invalidInput(fault.message, [...field, 'routingRules', ...fault.field]);
  return routingRules;
}

async function checkFields(tx: Transaction, fields: SlotFields): Promise<SlotFacts> {
  const { vertical, providerSlug, enabled, priority } = fields;
  const routingRules = checkedRules(fields, ['input']);
  const provider = await tx.maybeOne<ProviderRow>(`select ${PROVIDER_COLUMNS} from providers v where v.slug = $1`, [
    providerSlug,
  ]);
  if (!provider) throw notFound('provider', ['input', 'providerSlug']);
  if (!provider.verticals.includes(vertical))
    throw invalidInput(`${provider.name} serves ${provider.verticals.join(', ')}.`, ['input', 'vertical']);
  return { vertical, providerSlug, enabled, priority, routingRules };
}

/** Only what restricts something is kept. */
function rulesOf({ routingRules }: SlotFields, field: readonly string[]): RoutingRules {
  const given = Object.entries(routingRules ?? {}).filter(
    ([, value]) => value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  const long = given.find(([, value]) => Array.isArray(value) && value.length > LIST_MAX);
  if (long) throw invalidInput(`A list has ${LIST_MAX} entries at most.`, [...field, 'routingRules', long[0]]);
  return Object.fromEntries(given);
}

function shownSlot({ vertical, providerSlug, enabled, priority, rules }: ProviderSlotRow): SlotFacts {
  return { vertical, providerSlug, enabled, priority, routingRules: rules as RoutingRules };
}

function valuesOf({ vertical, providerSlug, enabled, priority, routingRules }: SlotFacts): unknown[] {
  return [vertical, providerSlug, enabled, priority, JSON.stringify(routingRules)];
}

async function recordSlot(
  tools: CatalogueTools,
  tx: Transaction,
  { id, tenantId, version }: { readonly id: string; readonly tenantId: string | null; readonly version: number },
  change: { readonly action: string; readonly before: SlotFacts | null; readonly after: SlotFacts | null },
): Promise<Done> {
  const { before, after } = change;
  await recordChange(tools.author, tx, {
    type: 'slot.changed',
    payload: { v: 1, slug: (after ?? before)!.providerSlug, tenantId },
    aggregateType: 'ProviderSlot',
    aggregateId: id,
    version,
    action: change.action,
    before: before && { tenantId, ...before },
    after: after && { tenantId, ...after },
  });
  return { type: 'ProviderSlot', id };
}
