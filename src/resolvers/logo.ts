import type { Clock } from '../clock.ts';
import type { Statements, Transaction } from '../db.ts';
import { readLogo, type Logo } from '../domain/logo.ts';
import { AppError, invalidInput } from '../errors.ts';

/** Different pictures that a tenant may have had: they stay for good, because old invoices name them. */
const LOGOS_MAX = 100;

const FIELD = ['input', 'logo'];

/** @throws INVALID_INPUT for whatever is no PNG or JPEG within the bounds (domain/logo.ts) */
export function checkLogo(base64: string): Logo {
  const logo = readLogo(base64);
  if (typeof logo === 'string') throw invalidInput(logo, FIELD);
  return logo;
}

/** Keeps a picture under its own hash; the tenant's row is locked by the caller. @throws INVALID_STATE after too many of them */
export async function keepLogo(tx: Transaction, logo: Logo, clock: Clock): Promise<void> {
  const { count } = await tx.one<{ count: number }>(
    'select count(*)::int as count from tenant_logos where tenant_id = current_tenant() and sha256 <> $1',
    [logo.sha256],
  );
  if (count >= LOGOS_MAX)
    throw new AppError('INVALID_STATE', `A tenant may have ${LOGOS_MAX} different logos over time.`, { field: FIELD });
  await tx.query(
    `insert into tenant_logos (tenant_id, sha256, media_type, width, height, content, created_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [logo.sha256, logo.mediaType, logo.width, logo.height, logo.content, clock.now()],
  );
}

/** What the audit log says of a picture: which, and how large, never the bytes. */
export interface LogoMention {
  readonly sha256: string;
  readonly bytes: number;
}

export async function mentionLogo(tx: Transaction, sha256: string | null): Promise<LogoMention | null> {
  if (sha256 === null) return null;
  return tx.one<LogoMention>(
    'select sha256, length(content) as bytes from tenant_logos where tenant_id = current_tenant() and sha256 = $1',
    [sha256],
  );
}

/** The bytes that an invoice document names; null where it names none. */
export async function logoContent(tx: Statements, sha256: string | null | undefined): Promise<Uint8Array | null> {
  if (sha256 === null || sha256 === undefined) return null;
  const [logo] = await tx.query<{ content: Uint8Array }>(
    'select content from tenant_logos where tenant_id = current_tenant() and sha256 = $1',
    [sha256],
  );
  if (logo === undefined) throw new Error(`the logo ${sha256} of an invoice is not there`);
  return logo.content;
}
