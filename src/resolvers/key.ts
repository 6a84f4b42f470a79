import { authorize, KEY_SCOPES } from '../access.ts';
import { makeKey, prefixOf, requireKeyForm, type KeyKind, type KeyMode } from '../auth/api-keys.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import { pgCode, type Database, type Transaction } from '../db.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { ApiKeyModel } from '../generated/prisma/models.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import type { Vault } from '../vault.ts';
import { announceChange, authorOf, checkTenantId, recordChange, refusePlatform, type Author } from './configuration.ts';

/** A key as it may be seen: never its hash. */
export type ApiKeyRow = Omit<ApiKeyModel, 'hash'>;

export interface CreateKeyInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
  readonly mode: KeyMode;
  /** None: a publishable key. Any: a secret one with these scopes. */
  readonly scopes: readonly string[];
  readonly expiresAt?: Date | null | undefined;
}

const KEY_COLUMNS = columns('ApiKey', 'k', ['hash']);
/** Rotation needs a few at a time; a hundred is a mistake. */
const LIVE_KEYS_MAX = 100;

export async function keysByIds(ctx: Context, ids: readonly string[]): Promise<(ApiKeyRow | null)[]> {
  authorize(ctx, 'portal.read');
  const rows = await ctx.reads.query<ApiKeyRow>(
    `select ${KEY_COLUMNS} from api_keys k where k.tenant_id = current_tenant() and k.id = any($1::uuid[])`,
    [ids],
  );
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

/** Makes a key; its text is shown in this answer and nowhere again (TEN-2). @throws INVALID_INPUT, INVALID_STATE, NOT_FOUND */
export async function createApiKey(ctx: Context, input: CreateKeyInput): Promise<Done> {
  authorize(ctx, 'key.create');
  checkTenantId(ctx, input.tenantId);
  refusePlatform(ctx.scope.tenantId === PLATFORM_TENANT_ID, 'API keys');
  const scopes = checkScopes(input.scopes);
  const expiresAt = input.expiresAt ?? null;
  if (expiresAt !== null && expiresAt <= ctx.app.clock.now())
    throw invalidInput('A key cannot expire in the past.', ['input', 'expiresAt']);
  const kind = scopes.length === 0 ? 'PUBLISHABLE' : 'SECRET';
  const key = makeKey(kind, input.mode, ctx.app.randomBytes);
  const done = await runOperation(ctx, 'createApiKey', { ...input }, (operation) =>
    operation.once(async (tx) => ({
      ...(await insertKey(authorOf(ctx), ctx.app.vault, tx, { key, kind, mode: input.mode, scopes, expiresAt })),
      once: { secret: key },
    })),
  );
  ctx.app.journal.wake();
  return done;
}

/**
 * Takes in a key that was made elsewhere, so that a website moves without a change (TEN-2). For commands and the seed, which have no
 * request. @throws INVALID_INPUT, CONFLICT
 */
export async function importKey(
  tools: { readonly db: Database; readonly vault: Vault },
  author: Author,
  tenantId: string,
  given: Omit<NewKey, 'kind' | 'mode'>,
): Promise<Done> {
  const { kind, mode } = requireKeyForm(given.key);
  const scopes = checkScopes(given.scopes);
  if ((kind === 'SECRET') !== scopes.length > 0)
    throw invalidInput('A secret key needs scopes, and a publishable one holds none.', ['input', 'scopes']);
  try {
    return await tools.db.write({ tenantId, customerId: null }, (tx) =>
      insertKey(author, tools.vault, tx, { ...given, scopes, kind, mode }),
    );
  } catch (error) {
    if (pgCode(error) === '23505') throw new AppError('CONFLICT', 'This key is in use already.');
    throw error;
  }
}

/** Ends a key at once, in every process. A key that was revoked before stays as it is. @throws NOT_FOUND */
export async function revokeApiKey(
  ctx: Context,
  input: { readonly idempotencyKey?: string | null | undefined; readonly apiKeyId: string },
): Promise<Done> {
  authorize(ctx, 'key.revoke');
  const id = idOf('ApiKey', input.apiKeyId, ['input', 'apiKeyId']);
  const done = await runOperation(ctx, 'revokeApiKey', { ...input }, (operation) =>
    operation.once((tx) => revoke(ctx, tx, id)),
  );
  announceChange(ctx, 'key.changed', id);
  return done;
}

interface NewKey {
  readonly key: string;
  readonly kind: KeyKind;
  readonly mode: KeyMode;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
}

/** The same for commands, in a transaction of the tenant's. @throws INVALID_STATE */
export async function insertKey(author: Author, vault: Vault, tx: Transaction, made: NewKey): Promise<Done> {
  const { key, kind, mode, scopes, expiresAt } = made;
  const { live } = await tx.one<{ live: bigint }>(
    'select count(*) as live from api_keys where tenant_id = current_tenant() and revoked_at is null',
  );
  if (live >= LIVE_KEYS_MAX)
    throw new AppError('INVALID_STATE', `A tenant has ${LIVE_KEYS_MAX} keys at most. Revoke those no longer used.`);
  const id = author.newId();
  const prefix = prefixOf(key);
  await tx.query(
    `insert into api_keys (tenant_id, id, kind, mode, prefix, hash, scopes, expires_at, created_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, kind, mode, prefix, vault.hashKey(key), scopes, expiresAt, author.clock.now()],
  );
  const after = { kind, mode, prefix, scopes, expiresAt };
  await recordChange(author, tx, {
    type: 'key.changed',
    aggregateType: 'ApiKey',
    aggregateId: id,
    version: 1,
    action: 'key.create',
    before: null,
    after,
  });
  return { type: 'ApiKey', id };
}

async function revoke(ctx: Context, tx: Transaction, id: string): Promise<Done> {
  const key = await tx.maybeOne<{ prefix: string; revoked: boolean }>(
    'select prefix, revoked_at is not null as revoked from api_keys where tenant_id = current_tenant() and id = $1 for update',
    [id],
  );
  if (!key) throw notFound('apikey', ['input', 'apiKeyId']);
  if (!key.revoked) {
    const now = ctx.app.clock.now();
    await tx.query('update api_keys set revoked_at = $2 where tenant_id = current_tenant() and id = $1', [id, now]);
    const { prefix } = key;
    await recordChange(authorOf(ctx), tx, {
      type: 'key.changed',
      aggregateType: 'ApiKey',
      aggregateId: id,
      version: 2,
      action: 'key.revoke',
      before: { prefix, revokedAt: null },
      after: { prefix, revokedAt: now },
    });
  }
  return { type: 'ApiKey', id };
}

export function checkScopes(scopes: readonly string[]): string[] {
  const unknown = scopes.find((scope) => !KEY_SCOPES.some((known) => known === scope));
  if (unknown !== undefined)
    throw invalidInput(`The scopes are: ${KEY_SCOPES.join(', ')}. None at all makes a publishable key.`, [
      'input',
      'scopes',
    ]);
  return [...new Set(scopes)];
}
