import { authorize } from '../access.ts';
import { normalEmail } from '../auth/people.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { App, Context } from '../context.ts';
import type { Scope } from '../db.ts';
import { AppError } from '../errors.ts';
import type { Done } from '../operations.ts';
import { requireFeature } from '../features.ts';
import { queueMail } from './mail-outbox.ts';
import { takeToken } from './one-time-token.ts';
import { chargeMail } from './password-reset.ts';

/** The newsletter (TEN-12): nobody is on it before the address itself has said so, and anybody is off it with one press. */

const subscriptionsOf = (ctx: Context): Scope => ({ tenantId: ctx.scope.tenantId, customerId: null });

/** Writes to an address whether it wants the newsletter. The answer is the same for one that has it already. @throws FEATURE_DISABLED, RATE_LIMITED, INVALID_INPUT */
export async function subscribeNewsletter(
  ctx: Context,
  input: { readonly email: string; readonly locale?: string | null | undefined },
): Promise<Done> {
  authorize(ctx, 'newsletter.subscribe');
  await requireFeature(ctx, 'newsletter');
  const scope = subscriptionsOf(ctx);
  if (scope.tenantId === PLATFORM_TENANT_ID)
    throw new AppError('FORBIDDEN', 'The platform itself has no newsletter. Send the API key of a tenant.');
  const email = normalEmail(input.email);
  await chargeMail(ctx, scope.tenantId, `newsletter ${email}`);
  await ctx.app.db.write(scope, async (tx) => {
    // Who is on it stays on it; who left begins anew.
    const { id, state } = await tx.one<{ id: string; state: string }>(
      `insert into newsletter_subscriptions as n (tenant_id, id, address, locale, created_at) values (current_tenant(), $1, $2, $3, $4)
       on conflict (tenant_id, address) do update set locale = coalesce(excluded.locale, n.locale),
         state = case when n.state = 'CONFIRMED' then n.state else 'PENDING' end returning n.id, n.state`,
      [ctx.app.newId(), email, input.locale ?? null, ctx.app.clock.now()],
    );
    if (state === 'PENDING') queueMail(ctx.app, tx, { kind: 'NEWSLETTER_CONFIRMATION', aboutId: id });
  });
  return { type: 'Newsletter', id: '' };
}

/** The address says yes, by the link it was sent. @throws INVALID_CREDENTIALS */
export async function confirmNewsletter(ctx: Context, input: { readonly token: string }): Promise<Done> {
  authorize(ctx, 'newsletter.subscribe');
  await ctx.app.db.write(subscriptionsOf(ctx), async (tx) => {
    const { subjectId } = await takeToken(ctx.app, tx, 'NEWSLETTER_CONFIRMATION', input.token);
    await tx.query(
      `update newsletter_subscriptions set state = 'CONFIRMED', confirmed_at = $2, unsubscribed_at = null
       where tenant_id = current_tenant() and id = $1`,
      [subjectId, ctx.app.clock.now()],
    );
  });
  return { type: 'Newsletter', id: '' };
}

/** Leaves the newsletter by the link that stands in every mail of it; leaving twice is leaving. @throws INVALID_CREDENTIALS */
export async function unsubscribeNewsletter(ctx: Context, input: { readonly token: string }): Promise<Done> {
  authorize(ctx, 'newsletter.subscribe');
  const left = await unsubscribe(ctx.app, input.token, ctx.scope.tenantId);
  if (!left) throw new AppError('INVALID_CREDENTIALS', 'This link is none of ours.', { field: ['input', 'token'] });
  return { type: 'Newsletter', id: '' };
}

/** @returns false where the token was not made by us, or for another tenant than the one given */
export async function unsubscribe(
  app: Pick<App, 'db' | 'vault' | 'clock'>,
  token: string,
  ofTenant: string | null = null,
): Promise<boolean> {
  const ticket = app.vault.verify<{ tenantId: string; id: string }>('unsubscribe', token, app.clock.now());
  if (!ticket || (ofTenant !== null && ticket.tenantId !== ofTenant)) return false;
  await app.db.write({ tenantId: ticket.tenantId, customerId: null }, (tx) =>
    tx.query(
      `update newsletter_subscriptions set state = 'UNSUBSCRIBED', unsubscribed_at = $2
       where tenant_id = current_tenant() and id = $1 and state <> 'UNSUBSCRIBED'`,
      [ticket.id, app.clock.now()],
    ),
  );
  return true;
}
