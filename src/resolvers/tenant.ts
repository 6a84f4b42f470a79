import { authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { Logo } from '../domain/logo.ts';
import { pgCode, type Transaction } from '../db.ts';
import { ROUNDING_LEVELS, type TaxProfile } from '../domain/order-price.ts';
import { ROUNDING_MODES } from '../domain/money.ts';
import { AppError, invalidInput } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { SubscriptionPlan, TenantType } from '../generated/prisma/enums.ts';
import type { TenantModel } from '../generated/prisma/models.ts';
import { decodeGlobalId } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type Paged,
  type PageArguments,
} from '../paging.ts';
import { prismaOver } from '../prisma.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';
import { checkLogo, keepLogo, mentionLogo } from './logo.ts';

/** What invoices say of the seller. */
export interface LegalFacts {
  readonly addressLines?: readonly string[];
  readonly taxId?: string | null;
  readonly legalText?: string | null;
}

type Given<T> = T | null | undefined;

export interface TenantFields {
  readonly name?: Given<string>;
  readonly domain?: Given<string>;
  readonly type?: Given<TenantType>;
  readonly plan?: Given<SubscriptionPlan>;
  readonly active?: Given<boolean>;
  readonly currencyCode?: Given<string>;
  readonly locale?: Given<string>;
  readonly timeZone?: Given<string>;
  readonly taxProfile?: Given<{
    readonly roundingMode?: Given<string>;
    readonly roundingLevel?: Given<string>;
    readonly pricesIncludeTax?: Given<boolean>;
  }>;
  readonly legal?: Given<{
    readonly addressLines?: Given<readonly string[]>;
    readonly taxId?: Given<string>;
    readonly legalText?: Given<string>;
  }>;
}

export interface CreateTenantInput extends TenantFields {
  readonly idempotencyKey?: Given<string>;
  readonly slug: string;
  readonly name: string;
  readonly currencyCode: string;
}

export interface UpdateTenantInput extends TenantFields {
  readonly idempotencyKey?: Given<string>;
  readonly tenantId?: Given<string>;
  /** In base64; null takes it away. */
  readonly logo?: Given<string>;
}

export type TenantRow = TenantModel;

const TENANT_COLUMNS = columns('Tenant', 't');
const DEFAULT_TAX_PROFILE: TaxProfile = { roundingMode: 'HALF_UP', roundingLevel: 'LINE', pricesIncludeTax: false };

/** The tenant worked in, or the one with this id where the caller may see it. */
export async function findTenant(ctx: Context, globalId: string | null, query: object = {}): Promise<TenantRow | null> {
  authorize(ctx, 'tenant.read');
  const decoded = globalId === null ? { typeName: 'Tenant', id: ctx.scope.tenantId } : decodeGlobalId(globalId);
  return decoded?.typeName === 'Tenant' ? loadTenant(ctx, decoded.id, query) : null;
}

/** By row-level security a tenant sees itself, and the platform's staff at home see all. @param query what Pothos wants selected */
export function loadTenant(ctx: Context, id: string, query: object = {}): Promise<TenantRow | null> {
  return prismaOver(ctx.reads).tenant.findUnique({ ...query, where: { id } });
}

export async function tenantsByIds(ctx: Context, ids: readonly string[]): Promise<(TenantRow | null)[]> {
  authorize(ctx, 'tenant.read');
  const rows = await ctx.reads.query<TenantRow>(
    `select ${TENANT_COLUMNS} from tenants t where t.id = any($1::uuid[])`,
    [ids],
  );
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

/** All tenants, newest first; the platform is not one of them. */
export async function listTenants(ctx: Context, args: PageArguments): Promise<Connection<TenantRow & Paged>> {
  authorize(ctx, 'tenant.list');
  const page = pageArgs(args);
  const { where, tail, values } = keyset(page, 't', 1);
  const text = `select ${TENANT_COLUMNS}, ${cursorColumn('t')} from tenants t where t.id <> platform_tenant() ${where} ${tail}`;
  return toConnection(await ctx.reads.query<TenantRow & Paged>(text, values), page);
}

/** @throws CONFLICT for a slug that is taken, INVALID_INPUT */
export async function createTenant(ctx: Context, input: CreateTenantInput): Promise<Done> {
  authorize(ctx, 'tenant.create');
  if (ctx.scope.tenantId !== PLATFORM_TENANT_ID)
    throw invalidInput('Tenants are made at home on the platform: leave X-Tenant out.');
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(input.slug))
    throw invalidInput('A slug has letters a-z, digits and hyphens, 63 at most.', ['input', 'slug']);
  checkFields(input);
  try {
    return await runOperation(ctx, 'createTenant', { ...input }, (operation) =>
      operation.once((tx) => insertTenant(authorOf(ctx), tx, input)),
    );
  } catch (error) {
    if (pgCode(error) === '23505')
      throw new AppError('CONFLICT', 'There is a tenant with this slug already.', { field: ['input', 'slug'] });
    throw error;
  } finally {
    ctx.app.journal.wake();
  }
}

/** @throws NOT_FOUND, INVALID_INPUT, FORBIDDEN for what only the platform decides */
export async function updateTenant(ctx: Context, input: UpdateTenantInput): Promise<Done> {
  authorize(ctx, 'tenant.update');
  if (isGiven(input.active) || isGiven(input.plan) || isGiven(input.type)) authorize(ctx, 'tenant.govern');
  checkTenantId(ctx, input.tenantId);
  checkFields(input);
  const logo = isGiven(input.logo) ? checkLogo(input.logo!) : input.logo === null ? null : undefined;
  const { tenantId } = ctx.scope;
  if (input.active === false && tenantId === PLATFORM_TENANT_ID)
    throw new AppError('INVALID_STATE', 'The platform itself stays active.');
  const done = await runOperation(ctx, 'updateTenant', { ...input }, (operation) =>
    operation.once((tx) => changeTenant(authorOf(ctx), tx, input, logo)),
  );
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

/** The same for commands, in a transaction of the platform's. @throws INVALID_INPUT */
export async function insertTenant(author: Author, tx: Transaction, input: CreateTenantInput): Promise<Done> {
  checkFields(input);
  const id = author.newId();
  const occurredAt = author.clock.now();
  const after = {
    slug: input.slug,
    name: input.name,
    domain: input.domain ?? null,
    type: input.type ?? 'STANDALONE',
    plan: input.plan ?? 'WHITE_LABEL',
    active: input.active ?? true,
    currencyCode: input.currencyCode,
    locale: input.locale ?? 'en',
    timeZone: input.timeZone ?? 'UTC',
    taxProfile: mergeGiven(DEFAULT_TAX_PROFILE, input.taxProfile),
    legal: mergeGiven({}, input.legal),
  };
  await tx.query(INSERT, [id, ...changeableValues(after), after.slug, occurredAt]);
  // The life of tenants is told in the platform's stream.
  appendEvent(tx, {
    id: author.newId(),
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version: 1,
    payload: { v: 1 },
    occurredAt,
  });
  await appendAudit(tx, {
    id: author.newId(),
    actor: author.name,
    action: 'tenant.create',
    target: `Tenant:${id}`,
    before: null,
    after,
    occurredAt,
  });
  return { type: 'Tenant', id };
}

/** The same for commands, in a transaction of the tenant's. @param logo the new one; null takes it away, undefined leaves it */
export async function changeTenant(
  author: Author,
  tx: Transaction,
  input: UpdateTenantInput,
  logo: Logo | null | undefined,
): Promise<Done> {
  checkFields(input);
  const row = await tx.one<TenantRow>(
    `select ${TENANT_COLUMNS} from tenants t where t.id = current_tenant() for update`,
  );
  const { id, slug: _slug, version, createdAt: _createdAt, logoSha256, ...before } = row;
  if (logo) await keepLogo(tx, logo, author.clock);
  const nextLogo = logo === undefined ? logoSha256 : (logo?.sha256 ?? null);
  const after = {
    name: input.name ?? before.name,
    // Null takes a domain away; left out, it stays.
    domain: input.domain === undefined ? before.domain : input.domain,
    type: input.type ?? before.type,
    plan: input.plan ?? before.plan,
    active: input.active ?? before.active,
    currencyCode: input.currencyCode ?? before.currencyCode,
    locale: input.locale ?? before.locale,
    timeZone: input.timeZone ?? before.timeZone,
    taxProfile: mergeGiven(before.taxProfile as object, input.taxProfile),
    legal: mergeGiven(before.legal as object, input.legal),
  };
  await tx.query(UPDATE, [id, ...changeableValues(after), nextLogo]);
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version: version + 1,
    action: 'tenant.update',
    before: { ...before, logo: await mentionLogo(tx, logoSha256) },
    after: { ...after, logo: await mentionLogo(tx, nextLogo) },
  });
  return { type: 'Tenant', id };
}

type Changeable = Pick<
  TenantRow,
  'name' | 'domain' | 'type' | 'plan' | 'active' | 'currencyCode' | 'locale' | 'timeZone'
> & { readonly taxProfile: object; readonly legal: object };

function changeableValues(of: Changeable): unknown[] {
  return [
    of.name,
    of.domain,
    of.type,
    of.plan,
    of.active,
    of.currencyCode,
    of.locale,
    of.timeZone,
    JSON.stringify(of.taxProfile),
    JSON.stringify(of.legal),
  ];
}

/** What was given replaces; null and what was left out do not. */
function mergeGiven(base: object, given: Given<object>): object {
  return { ...base, ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => isGiven(value))) };
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function checkFields(fields: TenantFields): void {
  const bound = (value: Given<string>, max: number, path: readonly string[]) => {
    if (isGiven(value) && (value!.trim() === '' || value!.length > max))
      throw invalidInput(`This needs from 1 to ${max} characters.`, ['input', ...path]);
  };
  bound(fields.name, 200, ['name']);
  if (isGiven(fields.domain) && !/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/.test(fields.domain!))
    throw invalidInput('A domain looks like shop.example.com, in lower case.', ['input', 'domain']);
  const { taxProfile, legal } = fields;
  if (isGiven(taxProfile?.roundingMode) && !ROUNDING_MODES.some((mode) => mode === taxProfile?.roundingMode))
    throw invalidInput('No such rounding mode.', ['input', 'taxProfile', 'roundingMode']);
  if (isGiven(taxProfile?.roundingLevel) && !ROUNDING_LEVELS.some((level) => level === taxProfile?.roundingLevel))
    throw invalidInput('No such rounding level.', ['input', 'taxProfile', 'roundingLevel']);
  bound(legal?.taxId, 64, ['legal', 'taxId']);
  bound(legal?.legalText, 2_000, ['legal', 'legalText']);
  if ((legal?.addressLines?.length ?? 0) > 6)
    throw invalidInput('An address has 6 lines at most.', ['input', 'legal', 'addressLines']);
  for (const line of legal?.addressLines ?? []) bound(line, 200, ['legal', 'addressLines']);
}

const INSERT = `insert into tenants (id, name, domain, type, plan, active, currency_code, locale, time_zone, tax_profile, legal, slug, created_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;
const UPDATE = `update tenants set name = $2, domain = $3, type = $4, plan = $5, active = $6, currency_code = $7, locale = $8, time_zone = $9,
    tax_profile = $10, legal = $11, logo_sha256 = $12, version = version + 1 where id = $1`;
