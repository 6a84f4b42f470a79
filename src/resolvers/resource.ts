import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { pgCode, type Statements, type Transaction } from '../db.ts';
import { DEFAULT_RESOURCE, resourceOf, type DiaryResource, type ResourceFields } from '../domain/resource.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import { authorOf, recordChange, type Author } from './configuration.ts';

export interface UpsertResourceInput extends ResourceFields {
  /** None: a new one. */
  readonly id?: string | null | undefined;
  readonly productIds?: readonly string[] | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

export interface DeleteResourceInput {
  readonly id: string;
  readonly idempotencyKey?: string | null | undefined;
}

export interface ResourceRow extends DiaryResource {
  readonly id: string;
  readonly version: number;
  /** The services it does. */
  readonly productIds: readonly string[];
}

/** Of a tenant, at the same time; and with those that are gone and may come back under their codes. */
const RESOURCES_MAX = 200;
const RESOURCES_EVER_MAX = 2_000;
const SERVICES_MAX = 500;

const SERVICES = `(select coalesce(array_agg(n.product_id order by n.product_id), '{}') from product_resources n
    where n.tenant_id = r.tenant_id and n.resource_id = r.id) as "productIds"`;
const GONE = `select ${SERVICES} from resources r where r.tenant_id = current_tenant() and r.deleted_at is not null`;
const SELECT = `select r.id, r.code, r.name, r.capacity, r.active, r.version, ${SERVICES}
  from resources r where r.tenant_id = current_tenant() and r.deleted_at is null and r.code <> '${DEFAULT_RESOURCE}'`;

/** Staff, rooms and chairs by their codes. @param active null: whether they take new appointments or not */
export async function listResources(ctx: Context, active: boolean | null): Promise<ResourceRow[]> {
  authorize(ctx, 'resource.read');
  const rows = await readResources(ctx.reads);
  return active === null ? rows : rows.filter((row) => row.active === active);
}

/** All there are of the tenant worked in. */
export function readResources(statements: Pick<Statements, 'query'>): Promise<ResourceRow[]> {
  return statements.query<ResourceRow>(`${SELECT} order by r.code collate "C"`);
}

/** By inner ids. */
export async function resourcesByIds(ctx: Context, ids: readonly string[]): Promise<(ResourceRow | null)[]> {
  authorize(ctx, 'resource.read');
  const rows = await ctx.reads.query<ResourceRow>(`${SELECT} and r.id = any($1::uuid[])`, [ids]);
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

/**
 * Says who or what does which services. What is booked stays where it is; a code that was used before is the same one come back,
 * with the services they had unless others are given.
 * @throws INVALID_INPUT, NOT_FOUND, CONFLICT for a code that is taken, INVALID_STATE where there are too many
 */
export async function upsertResource(ctx: Context, input: UpsertResourceInput): Promise<Done> {
  authorize(ctx, 'resource.update');
  const field = ['input', 'id'];
  const id = input.id ? idOf('Resource', input.id, field) : null;
  const productIds = input.productIds?.map((one, index) =>
    idOf('Product', one, ['input', 'productIds', String(index)]),
  );
  try {
    return await runOperation(ctx, 'upsertResource', { ...input }, (operation) =>
      operation.once(async (tx) => {
        const before = id === null ? null : await lockResource(tx, id, field);
        return writeResource(authorOf(ctx), tx, before, { ...input, productIds });
      }),
    );
  } catch (error) {
    throw pgCode(error) === '23505' ? codeTaken() : error;
  }
}

function codeTaken(): AppError {
  return new AppError('CONFLICT', 'There is somebody or something with this code already.', {
    field: ['input', 'code'],
  });
}

/**
 * Takes somebody or something out of the diary. Services that only they did are not offered until somebody else is named for them.
 * @throws RESOURCE_IN_USE with how many appointments are still to come, NOT_FOUND
 */
export async function deleteResource(ctx: Context, input: DeleteResourceInput): Promise<Done> {
  authorize(ctx, 'resource.update');
  const field = ['input', 'id'];
  const id = idOf('Resource', input.id, field);
  return runOperation(ctx, 'deleteResource', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const before = await lockResource(tx, id, field);
      const now = ctx.app.clock.now();
      await refuseWhileBooked(tx, id, now);
      const { version } = await tx.one<{ version: number }>(
        `update resources set deleted_at = $2, version = version + 1 where tenant_id = current_tenant() and id = $1 returning version`,
        [id, now],
      );
      return recordResource(authorOf(ctx), tx, { id, version }, { action: 'resource.delete', before, after: null });
    }),
  );
}

async function refuseWhileBooked(tx: Transaction, id: string, now: Date): Promise<void> {
  const { appointments } = await tx.one<{ appointments: number }>(
    `select count(distinct a.booking_id)::int as appointments from allocations a
     where a.tenant_id = current_tenant() and a.resource_id = $1 and a.ends_at > $2`,
    [id, now],
  );
  if (appointments === 0) return;
  throw new AppError('RESOURCE_IN_USE', `Appointments that are still to come: ${appointments}. Cancel or move them.`, {
    field: ['input', 'id'],
    details: { appointments },
  });
}

/** Locked so that nobody books it meanwhile: whoever does waits, and then sees what became of it. @throws NOT_FOUND */
async function lockResource(tx: Transaction, id: string, field: readonly string[]): Promise<ResourceRow> {
  await tx.query('select from resources r where r.tenant_id = current_tenant() and r.id = $1 for update', [id]);
  const row = await tx.maybeOne<ResourceRow>(`${SELECT} and r.id = $1`, [id]);
  if (!row) throw notFound('resource', field);
  return row;
}

/**
 * The same for commands, in a transaction of the tenant's. @param before null: a new one
 * @param fields with inner ids of services; left out or null: they stay, also of one come back @throws INVALID_INPUT, NOT_FOUND, CONFLICT, INVALID_STATE
 */
export async function writeResource(
  author: Author,
  tx: Transaction,
  before: ResourceRow | null,
  fields: Omit<UpsertResourceInput, 'id'>,
): Promise<Done> {
  const after = resourceOf(before, fields);
  const gone = before ? undefined : await lockGone(tx, after.code);
  const productIds = [...new Set(fields.productIds ?? (before ?? gone)?.productIds ?? [])].toSorted();
  await requireProducts(tx, productIds);
  if (!before) await refuseTooMany(tx, gone === undefined);
  const { code, name, capacity, active } = after;
  const written = await tx.maybeOne<{ id: string; version: number }>(before ? UPDATE : INSERT, [
    before?.id ?? author.newId(),
    code,
    name,
    capacity,
    active,
    ...(before ? [] : [author.clock.now()]),
  ]);
  if (!written) throw codeTaken();
  const { id, version } = written;
  await tx.query(
    'delete from product_resources where tenant_id = current_tenant() and resource_id = $1 and product_id <> all($2::uuid[])',
    [id, productIds],
  );
  await tx.query(
    `insert into product_resources (tenant_id, product_id, resource_id) select current_tenant(), p, $1 from unnest($2::uuid[]) p
     on conflict do nothing`,
    [id, productIds],
  );
  const action = before ? 'resource.update' : 'resource.create';
  return recordResource(author, tx, { id, version }, { action, before, after: { ...after, productIds } });
}

/** Whoever is gone and has the code, and the services they are still named for; nobody else can bring them back meanwhile. */
async function lockGone(tx: Transaction, code: string): Promise<Pick<ResourceRow, 'productIds'> | undefined> {
  await tx.query('select from resources r where r.tenant_id = current_tenant() and r.code = $1 for update', [code]);
  return tx.maybeOne<Pick<ResourceRow, 'productIds'>>(`${GONE} and r.code = $1`, [code]);
}

const UPDATE = `update resources set code = $2, name = $3, capacity = $4, active = $5, version = version + 1
  where tenant_id = current_tenant() and id = $1 returning id, version`;
/** Whoever is gone comes back under their code; one that is there is none to be made. */
const INSERT = `insert into resources (tenant_id, id, code, name, capacity, active, created_at) values (current_tenant(), $1, $2, $3, $4, $5, $6)
  on conflict (tenant_id, code) do update set name = excluded.name, capacity = excluded.capacity, active = excluded.active, deleted_at = null,
    version = resources.version + 1 where resources.deleted_at is not null
  returning id, version`;

async function requireProducts(tx: Transaction, ids: readonly string[]): Promise<void> {
  const field = ['input', 'productIds'];
  if (ids.length > SERVICES_MAX) throw invalidInput(`At most ${SERVICES_MAX} services.`, field);
  const { found } = await tx.one<{ found: number }>(
    'select count(*)::int as found from products p where p.tenant_id = current_tenant() and p.id = any($1::uuid[])',
    [ids],
  );
  if (found < ids.length) throw notFound('product', field);
}

/** @param isNew a code that nobody ever had: one that comes back is counted already */
async function refuseTooMany(tx: Transaction, isNew: boolean): Promise<void> {
  const { live, ever } = await tx.one<{ live: number; ever: number }>(
    `select count(*) filter (where deleted_at is null)::int as live, count(*)::int as ever from resources r
     where r.tenant_id = current_tenant() and r.code <> '${DEFAULT_RESOURCE}'`,
  );
  if (live >= RESOURCES_MAX)
    throw new AppError('INVALID_STATE', `There are ${RESOURCES_MAX} at most. Delete one first.`);
  if (isNew && ever >= RESOURCES_EVER_MAX)
    throw new AppError(
      'INVALID_STATE',
      'So many codes were used that there are no new ones. Use one of those that are gone.',
    );
}

async function recordResource(
  author: Author,
  tx: Transaction,
  { id, version }: { readonly id: string; readonly version: number },
  change: { readonly action: string; readonly before: ResourceRow | null; readonly after: object | null },
): Promise<Done> {
  const { action, before, after } = change;
  await recordChange(author, tx, {
    type: 'resource.changed',
    aggregateType: 'Resource',
    aggregateId: id,
    version,
    action,
    before: before && shown(before),
    after,
  });
  return { type: 'Resource', id };
}

function shown({ code, name, capacity, active, productIds }: ResourceRow): object {
  return { code, name, capacity, active, productIds };
}
