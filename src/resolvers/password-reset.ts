import { authorize } from '../access.ts';
import { normalEmail } from '../auth/people.ts';
import { endSessionsOf, openSession } from '../auth/sessions.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import { USER_COLUMNS, type UserRow } from '../loaders.ts';
import type { Done } from '../operations.ts';
import { checkNewPassword } from '../passwords.ts';
import { announceChange } from './configuration.ts';
import { addressHash, queueMail } from './mail-outbox.ts';
import { isTokenGood, takeToken, tokenOver } from './one-time-token.ts';
import { realmOf, showSession } from './session.ts';

/** Mails of one purpose to one account and minute. */
const MAILS_PER_MINUTE = 3;

/**
 * Sends a link for a new password to an address, if there is an account. Nobody is told whether there is: what is done here is the same
 * for every address, and who it belongs to is looked up when the mail is sent. @throws RATE_LIMITED, INVALID_INPUT
 */
export async function requestPasswordReset(ctx: Context, input: { readonly email: string }): Promise<Done> {
  authorize(ctx, 'session.open');
  const scope = realmOf(ctx);
  const email = normalEmail(input.email);
  await chargeMail(ctx, scope.tenantId, `reset ${email}`);
  await ctx.app.db.write(scope, async (tx) =>
    queueMail(ctx.app, tx, { kind: 'PASSWORD_RESET', aboutId: null, toAddress: email }),
  );
  return { type: 'Session', id: '' };
}

/** @throws RATE_LIMITED: nobody's mailbox is filled by asking again and again */
export async function chargeMail(ctx: Pick<Context, 'app'>, tenantId: string, about: string): Promise<void> {
  const bucket = `mail:${ctx.app.vault.fingerprint(`${tenantId} ${about}`)}`;
  const grant = await ctx.app.budgets.take(tenantId, bucket, 1, MAILS_PER_MINUTE);
  if (!grant.granted)
    throw new AppError('RATE_LIMITED', 'Too many mails to this address. Please wait a minute.', {
      details: { retryAt: grant.resetAt.toISOString() },
    });
}

/**
 * Sets a new password by the link of a mail, ends every session of the account and opens a new one.
 * @throws INVALID_CREDENTIALS, WEAK_PASSWORD (the link stays good)
 */
export async function resetPassword(
  ctx: Context,
  input: { readonly token: string; readonly password: string },
): Promise<Done> {
  authorize(ctx, 'session.open');
  const scope = realmOf(ctx);
  const { app } = ctx;
  checkNewPassword(input.password, '', ['input', 'password']);
  const isGood = await app.db.read(scope, (tx) => isTokenGood(app, tx, 'PASSWORD_RESET', input.token));
  if (!isGood) throw tokenOver();
  const passwordHash = await app.auth.passwords.hash(input.password);
  const { opened, ended } = await app.db.write(scope, async (tx) => {
    const { subjectId, addressHash: sentTo } = await takeToken(app, tx, 'PASSWORD_RESET', input.token);
    const user = await tx.maybeOne<UserRow>(
      `select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = $1 and u.active for update`,
      [subjectId],
    );
    if (!user || !addressHash(app, scope.tenantId, user.email).equals(sentTo)) throw tokenOver();
    checkNewPassword(input.password, user.email, ['input', 'password']);
    const now = app.clock.now();
    // Who got the link reads the mail of this address: it is verified by that, too.
    const changed = await tx.one<UserRow>(
      `update users u set password_hash = $2, email_verified_at = coalesce(u.email_verified_at, $3)
       where u.tenant_id = current_tenant() and u.id = $1 returning ${USER_COLUMNS}`,
      [user.id, passwordHash, now],
    );
    const sessions = await endSessionsOf(app, tx, user.id, 'password reset');
    return { ended: sessions, opened: await openSession(app, tx, changed) };
  });
  for (const id of ended) announceChange(ctx, 'session.revoked', id, scope.tenantId);
  return showSession(ctx, scope.tenantId, opened);
}
