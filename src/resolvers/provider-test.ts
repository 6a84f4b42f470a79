import { authorize } from '../access.ts';
import type { App, Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import type { Mode, StoredTest, Versions } from '../domain/provider-switch.ts';
import { notFound } from '../errors.ts';
import type { Done } from '../operations.ts';
import { PROVIDER_COLUMNS, type ProviderRow } from '../provider-reads.ts';
import type { ConnectionTest, Providers } from '../providers/contract.ts';
import { changeCatalogue, lockProvider, PLATFORM, refuseAway, type CatalogueTools } from './catalogue-change.ts';
import { recordProvider } from './provider.ts';
import { readCurrentCredentials, type CurrentCredentials } from './provider-credential-read.ts';

export interface TestConnectionInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly slug: string;
  /** The one it is in, unless told. */
  readonly mode?: Mode | null | undefined;
}

/** What asking a provider needs: its credentials are read before, because nothing may be open while it is asked. */
export interface AskingTools {
  readonly db: App['db'];
  readonly vault: App['vault'];
  readonly clock: App['clock'];
  readonly providers: Pick<Providers, 'test' | 'refresh'>;
}

/** A provider as it stood before it was asked. */
export interface Asked extends CurrentCredentials {
  readonly provider: ProviderRow;
  readonly mode: Mode;
}

/**
 * Asks the provider whether it would serve us and keeps what it said: production is switched on by it (PRV-5). That it would not is an
 * answer, no refusal.
 * @throws NOT_FOUND
 */
export async function testProviderConnection(ctx: Context, input: TestConnectionInput): Promise<Done> {
  authorize(ctx, 'provider.test');
  refuseAway(ctx.scope);
  return changeCatalogue(ctx, 'testProviderConnection', input, async () => {
    const asked = await readAsked(ctx.app, input.slug, input.mode ?? null);
    const test = await askProvider(ctx.app, asked);
    return (tools, tx) => keepTest(tools, tx, asked, test);
  });
}

/** The last test of a mode, or of the mode it is in. @param id of the provider */
export async function lastTestOf(ctx: Context, id: string, mode: Mode | null): Promise<StoredTest | null> {
  authorize(ctx, 'provider.test');
  const provider = await ctx.loaders.providerById.load(id);
  return provider?.tests[mode ?? provider.mode] ?? null;
}

/** @param mode null: the one it is in @throws NOT_FOUND */
export async function readAsked(tools: AskingTools, slug: string, mode: Mode | null): Promise<Asked> {
  return tools.db.read(PLATFORM, async (tx) => {
    const provider = await tx.maybeOne<ProviderRow>(`select ${PROVIDER_COLUMNS} from providers v where v.slug = $1`, [
      slug,
    ]);
    if (!provider) throw notFound('provider', ['input', 'slug']);
    const asked = mode ?? provider.mode;
    return { provider, mode: asked, ...(await readCurrentCredentials(tools.vault, tx, slug, asked)) };
  });
}

/**
 * @param instead values that are tried in place of the stored ones
 * @returns what is kept of the test; no credential is in its reason, whatever the vendor repeats of what it was sent
 */
export async function askProvider(
  tools: AskingTools,
  { provider, mode, versions, values }: Asked,
  instead: Readonly<Record<string, string>> = {},
): Promise<StoredTest> {
  // With the values of now, or later ones: a test never counts for a version that it was not made with.
  tools.providers.refresh();
  const { ok, latencyMs, reason } = await tools.providers.test(
    provider.slug,
    mode,
    ...(Object.keys(instead).length > 0 ? [instead] : []),
  );
  return {
    ok,
    at: tools.clock.now().toISOString(),
    latencyMs: Math.round(latencyMs),
    reason: reason === null ? null : withoutSecrets(reason, [...values.values(), ...Object.values(instead)]),
    versions,
  };
}

/** The result stands in the row and once in the audit log. */
export async function keepTest(
  tools: CatalogueTools,
  tx: Transaction,
  { provider: { slug }, mode }: Pick<Asked, 'provider' | 'mode'>,
  test: StoredTest,
): Promise<Done> {
  const provider = await lockProvider(tx, slug);
  await writeTest(tx, slug, mode, test);
  return recordProvider(tools, tx, provider, {
    action: 'provider.test',
    before: provider.tests[mode] ? { mode, ...shownTest(provider.tests[mode]) } : null,
    after: { mode, ...shownTest(test) },
  });
}

/** Raises the version, too. */
export async function writeTest(tx: Transaction, slug: string, mode: Mode, test: StoredTest): Promise<void> {
  await tx.query(
    'update providers set tests = tests || jsonb_build_object($2::text, $3::jsonb), version = version + 1 where slug = $1',
    [slug, mode, JSON.stringify(test)],
  );
}

function shownTest({ ok, latencyMs, reason, versions }: StoredTest): ConnectionTest & { versions: Versions } {
  return { ok, latencyMs, reason, versions };
}

const MASK = '[masked]';
const REASON_CHARACTERS_MAX = 500;
/** Shorter than this, a value is no secret and may be a part of any word. */
const SECRET_CHARACTERS_MIN = 4;

function withoutSecrets(reason: string, secrets: readonly string[]): string {
  // Longest first: one may be a part of another.
  const known = secrets.filter(({ length }) => length >= SECRET_CHARACTERS_MIN).toSorted((a, b) => b.length - a.length);
  const masked = known.reduce((text, secret) => text.replaceAll(secret, MASK), reason);
  return masked.slice(0, REASON_CHARACTERS_MAX).toWellFormed();
}
