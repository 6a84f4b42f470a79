import type { App } from '../context.ts';

/** The active check that is due of a provider (PRV-11). Safe to run twice: the row says who makes it. */
export async function checkProvider(app: Pick<App, 'providers'>, id: string): Promise<void> {
  const { providers } = await app.providers.catalogue();
  const provider = [...providers.values()].find((known) => known.id === id);
  if (provider) await app.providers.check(provider.slug);
}
