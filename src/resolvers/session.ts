import { authorize } from '../access.ts';
import { createUser, normalEmail } from '../auth/people.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { endSession, openSession, rotateRefreshToken, type OpenSession } from '../auth/sessions.ts';
import type { App, Context } from '../context.ts';
import type { Scope } from '../db.ts';
import { AppError } from '../errors.ts';
import { USER_COLUMNS, type UserRow } from '../loaders.ts';
import type { Done } from '../operations.ts';
import { announceChange } from './configuration.ts';

export interface RegisterInput {
  readonly email: string;
  readonly password: string;
  readonly firstName?: string | null | undefined;
  readonly lastName?: string | null | undefined;
  readonly locale?: string | null | undefined;
}

export interface LoginInput {
  readonly email: string;
  readonly password: string;
}

export interface RefreshInput {
  readonly refreshToken: string;
}

/** What a session payload shows, once. */
export interface ShownSession {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: Date;
  readonly user: UserRow;
}

/** Makes a customer of the tenant and signs them in (TEN-10, COM-1). @throws EMAIL_TAKEN, WEAK_PASSWORD, INVALID_INPUT */
export async function register(ctx: Context, input: RegisterInput): Promise<Done> {
  authorize(ctx, 'session.register');
  const { tenantId } = ctx.scope;
  if (tenantId === PLATFORM_TENANT_ID)
    throw new AppError('FORBIDDEN', 'Nobody registers with the platform itself. Send the API key of a tenant.');
  let opened: OpenSession | null = null;
  const person = {
    email: input.email,
    role: 'CUSTOMER',
    firstName: input.firstName ?? null,
    lastName: input.lastName ?? null,
    locale: input.locale ?? null,
    secret: { password: input.password },
  } as const;
  await createUser(ctx.app, tenantId, person, async (tx, user) => {
    opened = await openSession(ctx.app, tx, user);
  });
  return showSession(ctx, tenantId, opened!);
}

/**
 * Signs a person of the realm in. Wrong address and wrong password get the same answer in the same time (COM-1).
 * @throws INVALID_CREDENTIALS, RATE_LIMITED
 */
export async function login(ctx: Context, input: LoginInput): Promise<Done> {
  authorize(ctx, 'session.open');
  const scope = realmOf(ctx);
  const email = normalEmail(input.email);
  const account = ctx.app.vault.fingerprint(`login ${scope.tenantId} ${email}`);
  const opened = await ctx.app.auth.attempts.run(scope.tenantId, account, () =>
    tryLogin(ctx.app, scope, email, input.password),
  );
  if (!opened) throw new AppError('INVALID_CREDENTIALS', 'The email address or the password is wrong.');
  return showSession(ctx, scope.tenantId, opened);
}

/** Trades a refresh token for the next pair. @throws INVALID_CREDENTIALS, TOKEN_REUSED (the session is over then) */
export async function refreshSession(ctx: Context, input: RefreshInput): Promise<Done> {
  authorize(ctx, 'session.open');
  const scope = realmOf(ctx);
  const rotation = await ctx.app.db.write(scope, (tx) => rotateRefreshToken(ctx.app, tx, input.refreshToken));
  if (rotation.kind === 'REUSED') {
    announceChange(ctx, 'session.revoked', rotation.sessionId, scope.tenantId);
    throw new AppError(
      'TOKEN_REUSED',
      'This refresh token was used before. The session has been ended; please sign in again.',
      { log: `Refresh token reused in session ${rotation.sessionId}` },
    );
  }
  if (rotation.kind === 'ENDED')
    throw new AppError('INVALID_CREDENTIALS', 'This refresh token is not valid any more. Please sign in again.');
  return showSession(ctx, scope.tenantId, rotation.session);
}

/** Ends the session of a refresh token. An unknown token gets the same answer: there is no such session afterwards either way. */
export async function logout(ctx: Context, input: RefreshInput): Promise<Done> {
  authorize(ctx, 'session.close');
  const scope = realmOf(ctx);
  const sessionId = await ctx.app.db.write(scope, (tx) => endSession(ctx.app, tx, input.refreshToken));
  if (sessionId) announceChange(ctx, 'session.revoked', sessionId, scope.tenantId);
  return { type: 'Session', id: sessionId ?? '' };
}

// Whoever works in another tenant by X-Tenant still signs in and out at home.
export function realmOf(ctx: Context): Scope {
  const tenantId = 'homeTenantId' in ctx.actor ? ctx.actor.homeTenantId : ctx.scope.tenantId;
  return { tenantId, customerId: null };
}

/** A session that was just opened, as it is shown this once. */
export async function showSession(ctx: Context, tenantId: string, opened: OpenSession): Promise<Done> {
  const { sessionId, user, refreshToken } = opened;
  const { token, expiresAt } = await ctx.app.auth.issueAccessToken({ userId: user.id, sessionId, tenantId });
  const session: ShownSession = { accessToken: token, refreshToken, expiresAt, user };
  return { type: 'Session', id: sessionId, once: { session } };
}

async function tryLogin(app: App, scope: Scope, email: string, password: string): Promise<OpenSession | null> {
  const person = await app.db.read(scope, (tx) => tx.maybeOne<UserRow & { passwordHash: string }>(FIND, [email]));
  const verdict = await app.auth.passwords.verify(person?.active ? person.passwordHash : null, password);
  if (!person || !verdict.matches) return null;
  const newHash = verdict.outdated ? await app.auth.passwords.hash(password) : null;
  return app.db.write(scope, async (tx) => {
    if (newHash) await tx.query(UPGRADE, [person.id, person.passwordHash, newHash]);
    const user = await tx.maybeOne<UserRow>(
      `select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = $1 and u.active`,
      [person.id],
    );
    return user ? openSession(app, tx, user) : null;
  });
}

const FIND = `select ${USER_COLUMNS}, u.password_hash as "passwordHash" from users u where u.tenant_id = current_tenant() and u.email = $1`;
// Only what was checked is replaced: a password changed meanwhile stays.
const UPGRADE =
  'update users set password_hash = $3 where tenant_id = current_tenant() and id = $1 and password_hash = $2';
