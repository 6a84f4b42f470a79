import type { Lru } from './auth/lru.ts';
import type { Clock } from './clock.ts';
import type { Transaction } from './db.ts';
import { invalidInput } from './errors.ts';
import type { EnvironmentMode, PaymentGateway } from './generated/prisma/enums.ts';
import type { NewId } from './ids.ts';
import type { Vault } from './vault.ts';

/**
 * Sealed credentials (PRV-3): a tenant's for its payment gateways, the platform's for the travel providers. A value is never changed: a
 * new one is a new version.
 */

export const CREDENTIAL_CHARACTERS_MAX = 4_096;
/** A value shorter than this would be half told by its last four characters. */
const SHOWN_FROM_CHARACTERS = 12;

/** Whose a gateway's credentials are, within its tenant. */
export function gatewayOwner(gateway: PaymentGateway): string {
  return `gateway:${gateway}`;
}

/** Whose a travel provider's credentials are, within the platform's tenant. */
export function providerOwner(slug: string, mode: EnvironmentMode): string {
  return `provider:${slug}:${mode}`;
}

export interface CredentialPlace {
  readonly tenantId: string;
  readonly owner: string;
  readonly name: string;
  readonly version: number;
}

/** What a sealed value is bound to: it opens in its own place and version only. */
export function credentialContext({ tenantId, owner, name, version }: CredentialPlace): string {
  return `credential|${tenantId}|${owner}|${name}|${version}`;
}

/** What may be told of a value: in answers, in the audit log. */
export interface WrittenCredential {
  readonly name: string;
  readonly version: number;
  /** Null where the value is too short to show any of it. */
  readonly lastFour: string | null;
}

/** @throws INVALID_INPUT */
export function checkCredentialValue(value: string, field: readonly string[]): void {
  if (value === '' || value.length > CREDENTIAL_CHARACTERS_MAX)
    throw invalidInput(`A credential has from 1 to ${CREDENTIAL_CHARACTERS_MAX} characters.`, field);
}

/**
 * Seals a value as the next version of its name, in a transaction of its tenant's. Whoever calls holds a lock on whom the credential is
 * for: two at once would both take the next version.
 */
export async function writeCredential(
  tools: { readonly clock: Clock; readonly newId: NewId; readonly vault: Vault },
  tx: Transaction,
  of: { readonly owner: string; readonly name: string; readonly value: string },
): Promise<WrittenCredential> {
  const { owner, name, value } = of;
  const { clock, newId, vault } = tools;
  const { version } = await tx.one<{ version: number }>(
    'select coalesce(max(version), 0) + 1 as version from credentials where tenant_id = current_tenant() and owner = $1 and name = $2',
    [owner, name],
  );
  const lastFour = value.length >= SHOWN_FROM_CHARACTERS ? lastFourOf(value) : null;
  const context = credentialContext({ tenantId: tx.scope.tenantId, owner, name, version });
  await tx.query(
    `insert into credentials (tenant_id, id, owner, name, version, sealed, master_key_version, last_four, created_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8)`,
    [newId(), owner, name, version, vault.seal(value, context), vault.masterKeyVersion, lastFour, clock.now()],
  );
  return { name, version, lastFour };
}

// By whole characters: half of one is no text.
function lastFourOf(value: string): string {
  return [...value.slice(-8)].slice(-4).join('').toWellFormed();
}

/** A sealed credential that was opened: the same bytes need not be opened again. */
export interface Opened {
  readonly sealed: Buffer;
  readonly value: string;
}

/** @throws DECRYPTION_FAILED */
export function openOnce(
  { vault, opened }: { readonly vault: Vault; readonly opened: Lru<string, Opened> },
  sealed: Buffer,
  context: string,
): string {
  const known = opened.get(context);
  if (known?.sealed.equals(sealed)) return known.value;
  const value = vault.open(sealed, context).toString();
  opened.set(context, { sealed, value });
  return value;
}
