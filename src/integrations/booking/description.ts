import type { ProviderDescription } from '../travel.ts';
import { createBookingClient } from './client.ts';
import { BOOKING_SETTINGS } from './settings.ts';

/** The same credentials open both hosts: what is a test is decided by the address alone (exchange.ts holds them apart). */
export const BOOKING: ProviderDescription = {
  slug: 'booking',
  name: 'Booking.com Demand',
  vertical: 'LODGING',
  priority: 20,
  credentials: [
    { name: 'API_KEY', environmentVariable: 'BOOKING_API_KEY', required: true, secret: true },
    { name: 'AFFILIATE_ID', environmentVariable: 'BOOKING_AFFILIATE_ID', required: true, secret: false },
    // Only for paymentMethod airplus: the affiliate's own account.
    { name: 'AIRPLUS_NUMBER', environmentVariable: 'BOOKING_AIRPLUS_NUMBER', required: false, secret: true },
  ],
  settings: BOOKING_SETTINGS,
  baseUrls: {
    SANDBOX: 'https://demandapi-sandbox.booking.com/3.2',
    PRODUCTION: 'https://demandapi.booking.com/3.2',
  },
  simulatorPath: '/booking/3.2',
  // Names for a day, whole searches for five minutes; previews and orders never (travel-providers.md 2.8).
  cacheSeconds: { details: 86_400, search: 300 },
  // travel-providers.md 2.7; a search is one or more calls within its limit.
  timeoutsMs: {
    search: 10_000,
    check: 20_000,
    book: 60_000,
    confirm: 20_000,
    lookUp: 15_000,
    cancel: 30_000,
    probe: 10_000,
  },
  // The sandbox's; production's is set by contract.
  callsPerMinute: 50,
  create: createBookingClient,
};
