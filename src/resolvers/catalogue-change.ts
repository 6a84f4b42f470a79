import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { ProviderDescription } from '../integrations/travel.ts';
import { runOperation, type Done } from '../operations.ts';
import { PROVIDER_COLUMNS, type ProviderRow } from '../provider-reads.ts';
import type { Vault } from '../vault.ts';
import { authorOf, type Author } from './configuration.ts';

/** The catalogue of travel providers is the platform's: row-level security lets nobody else write it. */
export const PLATFORM: Scope = { tenantId: PLATFORM_TENANT_ID, customerId: null };

/** What changes of the catalogue need, whoever makes them: a request, a command. */
export interface CatalogueTools {
  readonly author: Author;
  readonly vault: Vault;
  readonly descriptions: ReadonlyMap<string, ProviderDescription>;
  /** Addresses of the outside world only may be called. */
  readonly production: boolean;
}

export function catalogueToolsOf(ctx: Context): CatalogueTools {
  const { vault, providerDescriptions, config } = ctx.app;
  const production = config.environment === 'production';
  return { author: authorOf(ctx), vault, descriptions: providerDescriptions, production };
}

export type ChangeWork = (tools: CatalogueTools, tx: Transaction) => Promise<Done>;

/**
 * Changes the catalogue in one transaction of the platform's, which is also where the operation stands.
 * @param before what has to be asked outside first; it gives the work of the transaction
 */
export async function changeCatalogue(
  ctx: Context,
  mutation: string,
  input: object,
  before: (tools: CatalogueTools) => ChangeWork | Promise<ChangeWork>,
): Promise<Done> {
  const { app, actor, deadlineAtMs } = ctx;
  const tools = catalogueToolsOf(ctx);
  try {
    return await runOperation(
      { app, actor, deadlineAtMs, scope: PLATFORM },
      mutation,
      { ...input },
      async (operation) => {
        const work = await before(tools);
        return operation.once((tx) => work(tools, tx));
      },
    );
  } finally {
    app.providers.refresh();
    app.journal.wake();
  }
}

/** @throws INVALID_INPUT where another tenant is worked in: what is shown and changed here is nobody's but the platform's. */
export function refuseAway(scope: Scope): void {
  if (scope.tenantId !== PLATFORM_TENANT_ID)
    throw invalidInput("Providers are the platform's own: leave X-Tenant out.");
}

/** The provider, locked: two changes at once come one after the other. @throws NOT_FOUND */
export async function lockProvider(tx: Transaction, slug: string): Promise<ProviderRow> {
  const provider = await tx.maybeOne<ProviderRow>(
    `select ${PROVIDER_COLUMNS} from providers v where v.slug = $1 for update`,
    [slug],
  );
  if (!provider) throw notFound('provider', ['input', 'slug']);
  return provider;
}

/** @throws INVALID_STATE where this version of the product cannot talk to it. */
export function descriptionOf(tools: Pick<CatalogueTools, 'descriptions'>, slug: string): ProviderDescription {
  const description = tools.descriptions.get(slug);
  if (!description) throw new AppError('INVALID_STATE', `This version has no integration called ${slug}.`);
  return description;
}
