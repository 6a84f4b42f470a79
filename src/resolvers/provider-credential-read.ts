import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Clock } from '../clock.ts';
import type { Context } from '../context.ts';
import { credentialContext, providerOwner } from '../credentials.ts';
import type { Transaction } from '../db.ts';
import { listCredentials, type ShownCredential } from '../domain/credential-state.ts';
import type { Mode, Versions } from '../domain/provider-switch.ts';
import { AppError } from '../errors.ts';
import type { ProviderDescription } from '../integrations/travel.ts';
import { SEALED_CREDENTIALS, type ProviderRow, type SealedCredentialRow } from '../provider-reads.ts';
import type { Vault } from '../vault.ts';
import { refuseAway } from './catalogue-change.ts';

/** A credential as it may be seen (PRV-3): never its value. */
export interface ProviderCredentialShown extends ShownCredential {
  readonly mode: Mode;
}

/**
 * The credentials of a provider in one mode, and which of the required ones are missing. A value that does not open is told of, and
 * keeps nobody from seeing the rest.
 * @throws FORBIDDEN, INVALID_INPUT where another tenant is worked in
 */
export async function credentialsOfProvider(
  ctx: Context,
  provider: ProviderRow,
  mode: Mode = provider.mode,
): Promise<ProviderCredentialShown[]> {
  authorize(ctx, 'provider.inspect');
  refuseAway(ctx.scope);
  const rows = await ctx.loaders.sealedCredentialsOfOwner.load(providerOwner(provider.slug, mode));
  return shownCredentials(ctx.app, { description: ctx.app.providerDescriptions.get(provider.slug), mode }, rows);
}

/** The same for commands. @param rows of one provider and mode, newest first within a name */
export function shownCredentials(
  { vault, clock }: { readonly vault: Vault; readonly clock: Clock },
  { description, mode }: { readonly description: ProviderDescription | undefined; readonly mode: Mode },
  rows: readonly SealedCredentialRow[],
): ProviderCredentialShown[] {
  const stored = rows.map((row) => {
    const { name, version, lastFour, createdAt, graceUntil } = row;
    return { name, version, lastFour, createdAt, graceUntil, problem: openCredential(vault, row).problem };
  });
  return listCredentials(stored, requiredNames(description), clock.now()).map((credential) => ({
    ...credential,
    mode,
  }));
}

export function requiredNames(description: ProviderDescription | undefined): string[] {
  return (description?.credentials ?? []).filter(({ required }) => required).map(({ name }) => name);
}

/** The newest version of each name, with its value where it opens. */
export interface CurrentCredentials {
  readonly versions: Versions;
  readonly values: ReadonlyMap<string, string>;
  readonly unreadableNames: readonly string[];
}

/** As the platform reads them: in a transaction of its own. */
export async function readCurrentCredentials(
  vault: Vault,
  tx: Transaction,
  slug: string,
  mode: Mode,
): Promise<CurrentCredentials> {
  const rows = await tx.query<SealedCredentialRow>(SEALED_CREDENTIALS, [[providerOwner(slug, mode)]]);
  const versions: Record<string, number> = {};
  const values = new Map<string, string>();
  const unreadableNames: string[] = [];
  for (const row of rows) {
    if (row.name in versions) continue;
    versions[row.name] = row.version;
    const { value } = openCredential(vault, row);
    if (value === null) unreadableNames.push(row.name);
    else values.set(row.name, value);
  }
  return { versions, values, unreadableNames };
}

function openCredential(
  vault: Vault,
  { owner, name, version, sealed }: SealedCredentialRow,
): { readonly value: string | null; readonly problem: string | null } {
  const context = credentialContext({ tenantId: PLATFORM_TENANT_ID, owner, name, version });
  try {
    return { value: vault.open(sealed, context).toString(), problem: null };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { value: null, problem: error.message };
  }
}
