import type { Database } from '../src/db.ts';
import { PLATFORM_TENANT_ID } from '../src/auth/platform.ts';
import { TRAVEL_PROVIDERS } from '../src/integrations/providers.ts';
import type { Author } from '../src/resolvers/configuration.ts';
import { seedProvider } from '../src/resolvers/provider-seed.ts';
import type { Vault } from '../src/vault.ts';
import type { SimulatorAccount } from './seed.ts';

export interface ProviderSeeding {
  readonly db: Database;
  readonly vault: Vault;
  readonly author: Author;
  readonly derive: (name: string) => string;
  /** Where this installation is reached. */
  readonly baseUrl: string;
}

const PLATFORM = { tenantId: PLATFORM_TENANT_ID, customerId: null };

/**
 * The four travel providers with credentials of their sandboxes, switched off, as `providers seed` makes them (PRV-2).
 * @returns the accounts by which the sandboxes know us
 */
export async function seedProviders(seeding: ProviderSeeding): Promise<SimulatorAccount[]> {
  const { db, vault, author, derive, baseUrl } = seeding;
  const secret = (name: string): string => derive(`provider|${name}`).slice(0, 32);
  const descriptions = new Map(TRAVEL_PROVIDERS.map((description) => [description.slug as string, description]));
  const variables = {
    EXPEDIA_API_KEY: secret('expedia key'),
    EXPEDIA_SECRET: secret('expedia secret'),
    EXPEDIA_NOTIFICATION_SECRET: secret('expedia push'),
    BOOKING_API_KEY: secret('booking key'),
    BOOKING_AFFILIATE_ID: '1234567',
    KIWI_API_KEY: secret('kiwi key'),
    KIWI_WEBHOOK_SECRET: secret('kiwi push'),
    TRAVELPAYOUTS_TOKEN: secret('travelpayouts token'),
    TRAVELPAYOUTS_MARKER: '123456',
  };
  const tools = { author, vault, descriptions, production: false };
  await db.write(PLATFORM, async (tx) => {
    for (const description of TRAVEL_PROVIDERS) {
      const steps = await seedProvider(tools, tx, description, variables);
      const isNew = steps.some(({ part, outcome }) => part === 'provider' && outcome === 'MADE');
      // The vendor's sandbox takes passengers called Test only; the one on this machine need not.
      if (isNew && description.slug === 'kiwi')
        await tx.query(`update providers set settings = '{"SANDBOX_PASSENGERS": "any"}' where slug = 'kiwi'`);
    }
  });
  const hooks = `${baseUrl}/webhooks/providers`;
  return [
    account('expedia', {
      apiKey: variables.EXPEDIA_API_KEY,
      sharedSecret: variables.EXPEDIA_SECRET,
      notificationUrl: `${hooks}/expedia?key=${variables.EXPEDIA_NOTIFICATION_SECRET}`,
    }),
    account('booking', {
      apiKey: variables.BOOKING_API_KEY,
      affiliateId: variables.BOOKING_AFFILIATE_ID,
      callsPerMinute: 0,
    }),
    account('kiwi', {
      apiKey: variables.KIWI_API_KEY,
      webhookUrl: `${hooks}/kiwi?secret=${variables.KIWI_WEBHOOK_SECRET}`,
    }),
    account('travelpayouts', {
      token: variables.TRAVELPAYOUTS_TOKEN,
      marker: variables.TRAVELPAYOUTS_MARKER,
      buyActions: 'assumed',
    }),
  ];
}

function account(integration: string, settings: Record<string, unknown>): SimulatorAccount {
  return { integration, id: 'portolan', settings };
}
