import { checkCredentialValue, gatewayOwner } from '../credentials.ts';
import type { Statements } from '../db.ts';
import type { Difference, TenantFile } from '../domain/tenant-file.ts';
import { mailOwner } from '../mail.ts';
import type { Vault } from '../vault.ts';
import { readCredentials } from './tenant-state.ts';

/** A credential of a tenant's file whose value is another than the one that is kept. */
interface NewCredential {
  /** Such as gateway:PAYFAST or mail:SMTP. */
  readonly owner: string;
  readonly name: string;
  readonly value: string;
  readonly difference: Difference;
}

/** What a file names credentials for, and where they stand in it. */
interface Named {
  readonly owner: string;
  readonly path: readonly string[];
  /** Name of a credential to the variable that holds it. */
  readonly credentials: Readonly<Record<string, string>> | undefined;
}

interface Sources {
  readonly vault: Vault;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** Values never show, only the names of the variables they come from. What no variable holds stays as it is. @throws INVALID_INPUT */
export async function newCredentials(
  { vault, variables }: Sources,
  tx: Statements,
  tenantId: string,
  file: TenantFile,
): Promise<NewCredential[]> {
  const found: NewCredential[] = [];
  for (const { owner, path, credentials = {} } of namedBy(file)) {
    const kept = await readCredentials(vault, tx, tenantId, owner);
    for (const [name, variable] of Object.entries(credentials)) {
      const value = variables[variable] ?? '';
      if (value === '' || kept.get(name) === value) continue;
      const at = [...path, 'credentials', name];
      checkCredentialValue(value, at);
      const before = kept.has(name) ? '(another value)' : undefined;
      found.push({ owner, name, value, difference: { path: at, before, after: `(from ${variable})` } });
    }
  }
  return found;
}

function namedBy({ gateways = {}, sender }: TenantFile): Named[] {
  const all: Named[] = (Object.keys(gateways) as (keyof typeof gateways)[]).map((gateway) => ({
    owner: gatewayOwner(gateway),
    path: ['gateways', gateway],
    credentials: gateways[gateway]?.credentials,
  }));
  if (sender) all.push({ owner: mailOwner(sender.transport), path: ['sender'], credentials: sender.credentials });
  return all;
}
