import { columns } from '../columns.ts';
import type { Clock } from '../clock.ts';
import type { Transaction } from '../db.ts';
import { appendEvent } from '../events.ts';
import type { NewId } from '../ids.ts';
import type { UserRow } from '../loaders.ts';
import type { Vault } from '../vault.ts';

export interface SessionTools {
  readonly clock: Clock;
  readonly newId: NewId;
  readonly randomBytes: (size: number) => Buffer;
  readonly vault: Vault;
}

/** A session as its refresh token stands for it. */
export interface OpenSession {
  readonly sessionId: string;
  readonly refreshToken: string;
  readonly user: UserRow;
}

/** What became of a refresh token that was shown. */
export type Rotation =
  | { readonly kind: 'ROTATED'; readonly session: OpenSession }
  /** Unknown, expired, or of a session that has ended. */
  | { readonly kind: 'ENDED' }
  /** Shown a second time: somebody copied it, so the whole session was ended. */
  | { readonly kind: 'REUSED'; readonly sessionId: string };

const REFRESH_TOKEN_MS = 30 * 86_400_000;
/** However often it is refreshed, a session ends and the password is asked for again. */
const SESSION_MS = 90 * 86_400_000;
const REFRESH_TOKEN_FORM = /^rt_[A-Za-z0-9_-]{43}$/;

interface RefreshRow {
  session_id: string;
  user_id: string;
  over: boolean;
  used: boolean;
  revoked: boolean;
}

/** Opens a session for a person whose password was right; part of the caller's transaction. */
export async function openSession(tools: SessionTools, tx: Transaction, user: UserRow): Promise<OpenSession> {
  const sessionId = tools.newId();
  const now = tools.clock.now();
  await tx.query(
    'insert into sessions (tenant_id, id, user_id, created_at, expires_at) values (current_tenant(), $1, $2, $3, $4)',
    [sessionId, user.id, now, new Date(now.getTime() + SESSION_MS)],
  );
  return { sessionId, refreshToken: await giveRefreshToken(tools, tx, sessionId), user };
}

/** Trades a refresh token for the next one. It works once; a second use ends the session (COM-1). */
export async function rotateRefreshToken(
  tools: SessionTools,
  tx: Transaction,
  refreshToken: string,
): Promise<Rotation> {
  const row = await lockByRefreshToken(tools, tx, refreshToken);
  if (!row) return { kind: 'ENDED' };
  if (row.used) {
    if (!row.revoked) await revoke(tools, tx, row, 'refresh token reused');
    return { kind: 'REUSED', sessionId: row.session_id };
  }
  if (row.revoked || row.over) return { kind: 'ENDED' };
  const user = await tx.maybeOne<UserRow>(
    `select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = $1 and u.active`,
    [row.user_id],
  );
  if (!user) return { kind: 'ENDED' };
  await tx.query('update refresh_tokens set used_at = $2 where tenant_id = current_tenant() and hash = $1', [
    tools.vault.hashKey(refreshToken),
    tools.clock.now(),
  ]);
  return {
    kind: 'ROTATED',
    session: { sessionId: row.session_id, refreshToken: await giveRefreshToken(tools, tx, row.session_id), user },
  };
}

/** Ends the session of a refresh token. @returns its id, or null where there is none */
export async function endSession(tools: SessionTools, tx: Transaction, refreshToken: string): Promise<string | null> {
  const row = await lockByRefreshToken(tools, tx, refreshToken);
  if (!row) return null;
  if (!row.revoked) await revoke(tools, tx, row, 'logged out');
  return row.session_id;
}

/** Ends all of a person's sessions. @returns their ids, to be announced after the commit */
export async function endSessionsOf(
  tools: Pick<SessionTools, 'clock' | 'newId'>,
  tx: Transaction,
  userId: string,
  reason: string,
): Promise<string[]> {
  const now = tools.clock.now();
  const rows = await tx.query<{ id: string }>(
    `update sessions set revoked_at = $2, revoked_reason = $3
     where tenant_id = current_tenant() and user_id = $1 and revoked_at is null returning id`,
    [userId, now, reason],
  );
  for (const { id } of rows) tellOfEnd(tools, tx, id, userId, now);
  return rows.map(({ id }) => id);
}

async function giveRefreshToken(tools: SessionTools, tx: Transaction, sessionId: string): Promise<string> {
  const token = `rt_${tools.randomBytes(32).toString('base64url')}`;
  const now = tools.clock.now();
  await tx.query(
    'insert into refresh_tokens (tenant_id, hash, session_id, created_at, expires_at) values (current_tenant(), $1, $2, $3, $4)',
    [tools.vault.hashKey(token), sessionId, now, new Date(now.getTime() + REFRESH_TOKEN_MS)],
  );
  return token;
}

// Both rows are locked, so that of two uses at once the second sees the first.
function lockByRefreshToken(
  tools: SessionTools,
  tx: Transaction,
  refreshToken: string,
): Promise<RefreshRow | undefined> {
  if (!REFRESH_TOKEN_FORM.test(refreshToken)) return Promise.resolve(undefined);
  return tx.maybeOne<RefreshRow>(
    `select s.id as session_id, s.user_id, r.used_at is not null as used, s.revoked_at is not null as revoked,
       least(r.expires_at, s.expires_at) <= $2 as over
     from refresh_tokens r join sessions s on s.tenant_id = r.tenant_id and s.id = r.session_id
     where r.tenant_id = current_tenant() and r.hash = $1 for update of s, r`,
    [tools.vault.hashKey(refreshToken), tools.clock.now()],
  );
}

async function revoke(tools: SessionTools, tx: Transaction, row: RefreshRow, reason: string): Promise<void> {
  const now = tools.clock.now();
  await tx.query(
    'update sessions set revoked_at = $2, revoked_reason = $3 where tenant_id = current_tenant() and id = $1',
    [row.session_id, now, reason],
  );
  tellOfEnd(tools, tx, row.session_id, row.user_id, now);
}

function tellOfEnd(
  tools: Pick<SessionTools, 'newId'>,
  tx: Transaction,
  sessionId: string,
  userId: string,
  now: Date,
): void {
  appendEvent(tx, {
    id: tools.newId(),
    type: 'session.revoked',
    aggregateType: 'Session',
    aggregateId: sessionId,
    version: 2,
    payload: { v: 1, userId },
    occurredAt: now,
  });
}

const USER_COLUMNS = columns('User', 'u', ['passwordHash']);
