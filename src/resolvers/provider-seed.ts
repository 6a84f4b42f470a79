import type { Transaction } from '../db.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { ProviderDescription } from '../integrations/travel.ts';
import type { CatalogueTools } from './catalogue-change.ts';
import { readCurrentCredentials } from './provider-credential-read.ts';
import { setCredential } from './provider-credential.ts';
import { insertSlot } from './provider-slot.ts';
import { insertProvider } from './provider.ts';

/**
 * MADE and IMPORTED changed something. THERE: it is so already. UNSET: no variable gives the value. DIFFERS: the variable has another value
 * than the one that is stored, which stays. UNREADABLE: what is stored does not open, and stays.
 */
export type SeedOutcome = 'MADE' | 'IMPORTED' | 'THERE' | 'UNSET' | 'DIFFERS' | 'UNREADABLE';

export interface SeedStep {
  readonly slug: string;
  readonly part: 'provider' | 'slot' | 'credential';
  /** Of a credential. */
  readonly name: string | null;
  readonly outcome: SeedOutcome;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Credentials are imported for the mode that a new provider is in. */
const MODE = 'SANDBOX';

/**
 * Makes one provider with its global slot, off and in the sandbox, and imports what the environment has of its credentials (PRV-2). Twice is
 * once: what is there stays, whatever was made of it since. In a transaction of the platform's.
 * @throws INVALID_INPUT that names the variable whose value can be no credential
 */
export async function seedProvider(
  tools: CatalogueTools,
  tx: Transaction,
  description: ProviderDescription,
  variables: Variables,
): Promise<SeedStep[]> {
  const { slug } = description;
  // Two at once would both find nothing.
  await tx.query("select pg_advisory_xact_lock(hashtext('portolan providers seed'))");
  const provider = await seedRow(tx, 'select 1 from providers where slug = $1', [slug], () =>
    insertProvider(tools, tx, { slug }),
  );
  // One that was deleted was deleted on purpose.
  const slot = await seedRow(
    tx,
    'select 1 from provider_slots where provider_slug = $1 and tenant_id is null limit 1',
    [slug],
    () => insertSlot(tools, tx, null, slotOf(description)),
  );
  const credentials: SeedStep[] = [];
  for (const credential of description.credentials)
    credentials.push({
      slug,
      part: 'credential',
      name: credential.name,
      outcome: await seedCredential(tools, tx, slug, credential, variables),
    });
  return [
    { slug, part: 'provider', name: null, outcome: provider },
    { slug, part: 'slot', name: null, outcome: slot },
    ...credentials,
  ];
}

async function seedRow(
  tx: Transaction,
  query: string,
  values: readonly unknown[],
  make: () => Promise<unknown>,
): Promise<SeedOutcome> {
  if (await tx.maybeOne(query, values)) return 'THERE';
  await make();
  return 'MADE';
}

function slotOf({ slug, vertical, priority }: ProviderDescription) {
  return { vertical, providerSlug: slug, enabled: true, priority };
}

async function seedCredential(
  tools: CatalogueTools,
  tx: Transaction,
  slug: string,
  { name, environmentVariable }: ProviderDescription['credentials'][number],
  variables: Variables,
): Promise<SeedOutcome> {
  const value = variables[environmentVariable] ?? '';
  if (value === '') return 'UNSET';
  const { versions, values } = await readCurrentCredentials(tools.vault, tx, slug, MODE);
  if (name in versions) {
    const stored = values.get(name);
    if (stored === undefined) return 'UNREADABLE';
    return stored === value ? 'THERE' : 'DIFFERS';
  }
  try {
    await setCredential(tools, tx, { slug, name, value, mode: MODE });
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_INPUT')
      throw invalidInput(`${environmentVariable}: ${error.message}`);
    throw error;
  }
  return 'IMPORTED';
}
