import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { LINK_MS_OF_KIND, type MailKind } from '../domain/mail.ts';
import { AppError } from '../errors.ts';

/** Links that work once: the token is in the mail and its hash is here (TEN-10). */

export type TokenPurpose = Exclude<MailKind, 'ORDER_PAID'>;

const FORM = /^ot_[A-Za-z0-9_-]{43}$/;

/** @returns the token, which is kept nowhere */
export async function makeToken(
  app: Pick<App, 'clock' | 'vault' | 'randomBytes'>,
  tx: Transaction,
  of: { readonly purpose: TokenPurpose; readonly subjectId: string; readonly addressHash: Buffer },
): Promise<string> {
  const token = `ot_${app.randomBytes(32).toString('base64url')}`;
  const now = app.clock.now();
  await tx.query(
    `insert into one_time_tokens (tenant_id, hash, purpose, subject_id, address_hash, created_at, expires_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6)`,
    [
      app.vault.hashKey(token),
      of.purpose,
      of.subjectId,
      of.addressHash,
      now,
      new Date(now.getTime() + LINK_MS_OF_KIND[of.purpose]),
    ],
  );
  return token;
}

/** Whether a token could be used: before work that costs something is done for it. */
export async function isTokenGood(
  app: Pick<App, 'clock' | 'vault'>,
  tx: Transaction,
  purpose: TokenPurpose,
  token: string,
): Promise<boolean> {
  if (!FORM.test(token)) return false;
  const rows = await tx.query(
    'select 1 from one_time_tokens where tenant_id = current_tenant() and hash = $1 and purpose = $2::mail_kind and used_at is null and expires_at > $3',
    [app.vault.hashKey(token), purpose, app.clock.now()],
  );
  return rows.length > 0;
}

export function tokenOver(): AppError {
  return new AppError('INVALID_CREDENTIALS', 'This link is over or was used before. Please ask for a new one.', {
    field: ['input', 'token'],
  });
}

/**
 * Uses a token up, and with it all others of the same purpose for the same subject.
 * @throws INVALID_CREDENTIALS for what is over, used or was never given out: the answer is the same
 */
export async function takeToken(
  app: Pick<App, 'clock' | 'vault'>,
  tx: Transaction,
  purpose: TokenPurpose,
  token: string,
): Promise<{ readonly subjectId: string; readonly addressHash: Buffer }> {
  const now = app.clock.now();
  const row = FORM.test(token)
    ? await tx.maybeOne<{ subjectId: string; addressHash: Buffer }>(
        `update one_time_tokens set used_at = $3
         where tenant_id = current_tenant() and hash = $1 and purpose = $2::mail_kind and used_at is null and expires_at > $3
         returning subject_id as "subjectId", address_hash as "addressHash"`,
        [app.vault.hashKey(token), purpose, now],
      )
    : undefined;
  if (!row) throw tokenOver();
  await tx.query(
    `update one_time_tokens set used_at = $3
     where tenant_id = current_tenant() and subject_id = $1 and purpose = $2::mail_kind and used_at is null`,
    [row.subjectId, purpose, now],
  );
  return row;
}
