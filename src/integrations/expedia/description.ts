import type { ProviderDescription } from '../travel.ts';
import { createExpediaClient } from './client.ts';
import { EXPEDIA_SETTINGS } from './settings.ts';

const DAY_SECONDS = 86_400;

/** Rapid's facts and recommendations (travel-providers.md 1.2, 1.9, 1.10). */
export const EXPEDIA: ProviderDescription = {
  slug: 'expedia',
  name: 'Expedia Rapid',
  vertical: 'LODGING',
  priority: 10,
  credentials: [
    { name: 'API_KEY', environmentVariable: 'EXPEDIA_API_KEY', required: true, secret: true },
    { name: 'SECRET', environmentVariable: 'EXPEDIA_SECRET', required: true, secret: true },
    // Ours, not the vendor's: it stands in the address registered for notifications (notice.ts).
    {
      name: 'NOTIFICATION_SECRET',
      environmentVariable: 'EXPEDIA_NOTIFICATION_SECRET',
      required: false,
      secret: true,
    },
  ],
  settings: EXPEDIA_SETTINGS,
  baseUrls: { SANDBOX: 'https://test.ean.com/v3', PRODUCTION: 'https://api.ean.com/v3' },
  simulatorPath: '/expedia/v3',
  cacheSeconds: { regions: DAY_SECONDS, content: DAY_SECONDS, search: 300 },
  timeoutsMs: {
    search: 10_000,
    check: 15_000,
    book: 90_000,
    confirm: 90_000,
    lookUp: 60_000,
    cancel: 60_000,
    probe: 10_000,
  },
  callsPerMinute: 300,
  create: createExpediaClient,
};
