import type { ProviderDescription } from '../travel.ts';
import { createKiwiClient } from './client.ts';
import { KIWI_SETTINGS } from './settings.ts';

const MINUTE_MS = 60_000;

export const KIWI: ProviderDescription = {
  slug: 'kiwi',
  name: 'Kiwi.com Tequila',
  vertical: 'FLIGHTS_BOOKING',
  priority: 10,
  credentials: [
    { name: 'API_KEY', environmentVariable: 'KIWI_API_KEY', required: true, secret: true },
    // In the address registered with the vendor; without it no webhook is believed.
    { name: 'WEBHOOK_SECRET', environmentVariable: 'KIWI_WEBHOOK_SECRET', required: false, secret: true },
  ],
  settings: KIWI_SETTINGS,
  // One host: what is a sandbox booking is decided by a name (sandbox.ts).
  baseUrls: { SANDBOX: 'https://api.tequila.kiwi.com', PRODUCTION: 'https://api.tequila.kiwi.com' },
  simulatorPath: '/kiwi',
  // travel-providers.md 3.8; check, save and confirm never.
  cacheSeconds: { search: 300, locations: 604_800 },
  // travel-providers.md 3.7. Booking saves and confirms under one limit; looking up and cancelling ask nobody.
  timeoutsMs: {
    search: 25_000,
    check: MINUTE_MS,
    book: 2 * MINUTE_MS,
    confirm: MINUTE_MS,
    lookUp: 1_000,
    cancel: 1_000,
    probe: 10_000,
  },
  // Five searches a second are recommended, and two bookings, which are rarer by far (travel-providers.md 3.6).
  callsPerMinute: 300,
  create: createKiwiClient,
};
