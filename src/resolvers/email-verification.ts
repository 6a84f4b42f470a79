import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Scope } from '../db.ts';
import { AppError } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { Done } from '../operations.ts';
import { addressHash, queueMail } from './mail-outbox.ts';
import { takeToken, tokenOver } from './one-time-token.ts';
import { chargeMail } from './password-reset.ts';
import { realmOf } from './session.ts';

/** Sends the one who asks a link that shows that their address is theirs. @throws RATE_LIMITED */
export async function requestEmailVerification(ctx: Context): Promise<Done> {
  authorize(ctx, 'email.verify');
  const { actor } = ctx;
  if (!('userId' in actor)) throw new AppError('FORBIDDEN', 'Only a person has an address.');
  // Who works in another tenant has an address at home.
  const scope: Scope = { tenantId: actor.homeTenantId, customerId: null };
  await chargeMail(ctx, scope.tenantId, `verify ${actor.userId}`);
  await ctx.app.db.write(scope, async (tx) =>
    queueMail(ctx.app, tx, { kind: 'EMAIL_VERIFICATION', aboutId: actor.userId }),
  );
  return { type: 'User', id: actor.userId };
}

/** Uses the link of such a mail: it proves the address it was sent to, and no newer one. @throws INVALID_CREDENTIALS */
export async function verifyEmail(ctx: Context, input: { readonly token: string }): Promise<Done> {
  authorize(ctx, 'session.open');
  const { app } = ctx;
  const scope = realmOf(ctx);
  const id = await app.db.write(scope, async (tx) => {
    const { subjectId, addressHash: sentTo } = await takeToken(app, tx, 'EMAIL_VERIFICATION', input.token);
    const user = await tx.maybeOne<{ email: string }>(
      'select email from users where tenant_id = current_tenant() and id = $1 and active for update',
      [subjectId],
    );
    if (!user || !addressHash(app, scope.tenantId, user.email).equals(sentTo)) throw tokenOver();
    const now = app.clock.now();
    await tx.query('update users set email_verified_at = $2 where tenant_id = current_tenant() and id = $1', [
      subjectId,
      now,
    ]);
    appendEvent(tx, {
      id: app.newId(),
      type: 'user.changed',
      aggregateType: 'User',
      aggregateId: subjectId,
      version: 2,
      payload: { v: 1 },
      occurredAt: now,
    });
    return subjectId;
  });
  app.journal.wake();
  return { type: 'User', id };
}
