import type { ProviderDescription } from '../travel.ts';
import { createTravelpayoutsClient } from './client.ts';
import { TRAVELPAYOUTS_SETTINGS } from './settings.ts';

const API = 'https://api.travelpayouts.com';

export const TRAVELPAYOUTS: ProviderDescription = {
  slug: 'travelpayouts',
  vertical: 'FLIGHTS_DISCOVERY',
  name: 'Travelpayouts / Aviasales',
  priority: 10,
  credentials: [
    { name: 'TOKEN', environmentVariable: 'TRAVELPAYOUTS_TOKEN', required: true, secret: true },
    { name: 'MARKER', environmentVariable: 'TRAVELPAYOUTS_MARKER', required: true, secret: false },
  ],
  settings: TRAVELPAYOUTS_SETTINGS,
  // The vendor has no sandbox (4.1): in that mode its cached prices are read, and nothing is done that it counts.
  baseUrls: { SANDBOX: API, PRODUCTION: API },
  simulatorPath: '/travelpayouts',
  // 4.11: live results may be kept ten minutes and cached prices thirty; links never.
  cacheSeconds: { search: 600, places: 604_800 },
  timeoutsMs: { search: 60_000, link: 10_000, probe: 5_000 },
  // The least of the methods' own limits (4.9): a search calls each of them once at most.
  callsPerMinute: 300,
  create: createTravelpayoutsClient,
};
