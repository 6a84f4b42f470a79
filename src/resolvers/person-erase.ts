import { authorize } from '../access.ts';
import { endSessionsOf } from '../auth/sessions.ts';
import type { Context } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, recordChange } from './configuration.ts';
import { addressHash } from './mail-outbox.ts';
import { requireNothingOpen } from './person-open.ts';

/** Why staff erases somebody. A closed list: what anybody types about a person would stand in the audit log for good. */
export const ERASURE_REASONS = ['ASKED_FOR', 'ORDERED_BY_AUTHORITY', 'NOT_NEEDED_ANY_MORE', 'MADE_BY_MISTAKE'] as const;
export type ErasureReason = (typeof ERASURE_REASONS)[number];

export interface EraseCustomerInput {
  readonly customerId?: string | null | undefined;
  readonly password?: string | null | undefined;
  readonly reason?: ErasureReason | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Takes away what is known of a customer (TEN-10); the row, its ids and its money stay, nobody's any more. A customer erases themself and
 * gives the password; staff gives a reason. Erased again is erased; the address is free for whoever registers next.
 * @throws ERASURE_BLOCKED with what is open, INVALID_CREDENTIALS, RATE_LIMITED, INVALID_INPUT, INVALID_STATE, NOT_FOUND
 */
export async function eraseCustomer(ctx: Context, input: EraseCustomerInput): Promise<Done> {
  authorize(ctx, 'customer.erase');
  const { app, actor, deadlineAtMs } = ctx;
  const scope: Scope = { tenantId: ctx.scope.tenantId, customerId: null };
  const { customerId, reason } = whom(ctx, input);
  if (reason === 'ASKED_BY_THEMSELF') await checkPassword(ctx, scope, customerId, input.password);
  // No fingerprint is kept of a password.
  const { password: _password, ...kept } = input;
  let ended: readonly string[] = [];
  const done = await runOperation({ app, actor, scope, deadlineAtMs }, 'eraseCustomer', kept, (operation) =>
    operation.once(async (tx) => {
      ended = await erase(ctx, tx, customerId, reason);
      return { type: 'User', id: customerId };
    }),
  );
  announceChange(ctx, 'user.changed', customerId);
  for (const id of ended) announceChange(ctx, 'session.revoked', id);
  return done;
}

function whom(
  ctx: Context,
  { customerId, reason }: EraseCustomerInput,
): { customerId: string; reason: ErasureReason | 'ASKED_BY_THEMSELF' } {
  const field = ['input', 'customerId'];
  const { actor } = ctx;
  const given = customerId ? idOf('User', customerId, field) : null;
  if (actor.kind === 'CUSTOMER') {
    if (given !== null && given !== actor.userId) throw notFound('customer', field);
    return { customerId: actor.userId, reason: 'ASKED_BY_THEMSELF' };
  }
  if (given === null) throw invalidInput('Say which customer this is for.', field);
  if (!reason) throw invalidInput('Say why this customer is erased.', ['input', 'reason']);
  return { customerId: given, reason };
}

/** Counted with the attempts to sign in: this is no second way to guess. */
async function checkPassword(
  ctx: Context,
  scope: Scope,
  customerId: string,
  password: string | null | undefined,
): Promise<void> {
  const field = ['input', 'password'];
  const { app } = ctx;
  if (!password) throw invalidInput('Give your password.', field);
  const person = await app.db.read(scope, (tx) =>
    tx.maybeOne<{ email: string; passwordHash: string }>(
      'select email, password_hash as "passwordHash" from users where tenant_id = current_tenant() and id = $1 and active',
      [customerId],
    ),
  );
  const account = app.vault.fingerprint(`login ${scope.tenantId} ${person?.email ?? customerId}`);
  const matches = await app.auth.attempts.run(scope.tenantId, account, async () => {
    const verdict = await app.auth.passwords.verify(person?.passwordHash ?? null, password);
    return verdict.matches || null;
  });
  if (matches === null) throw new AppError('INVALID_CREDENTIALS', 'The password is wrong.', { field });
}

/** @returns the sessions that were ended */
async function erase(ctx: Context, tx: Transaction, customerId: string, reason: string): Promise<readonly string[]> {
  const { app } = ctx;
  const now = app.clock.now();
  // Orders before people, as everybody locks them (decisions.md, "Global lock order"): nothing of them moves meanwhile.
  await tx.query(
    `select count(*) from (select from orders where tenant_id = current_tenant() and customer_id = $1 order by id for update) locked`,
    [customerId],
  );
  const person = await tx.maybeOne<{ role: string; email: string; erasedAt: Date | null }>(
    'select role, email, erased_at as "erasedAt" from users where tenant_id = current_tenant() and id = $1 for update',
    [customerId],
  );
  if (!person) throw notFound('customer', ['input', 'customerId']);
  if (person.role !== 'CUSTOMER')
    throw new AppError('INVALID_STATE', 'Staff can not be erased: what they did has their names on it.', {
      field: ['input', 'customerId'],
    });
  if (person.erasedAt !== null) return [];
  await requireNothingOpen(tx, customerId, now);
  const sessions = await endSessionsOf(app, tx, customerId, 'erased');
  const hash = addressHash(app, ctx.scope.tenantId, person.email);
  await tx.query('select erase_person($1, $2, $3)', [customerId, hash, now]);
  await recordChange(authorOf(ctx), tx, {
    type: 'user.changed',
    aggregateType: 'User',
    aggregateId: customerId,
    version: 2,
    action: 'customer.erase',
    before: null,
    after: { reason },
  });
  return sessions;
}
