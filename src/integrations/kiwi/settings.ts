import type { ProviderConnection, ProviderSetting } from '../travel.ts';

/** What the vendor's documents leave open (travel-providers.md 3 and 5.3): by name, with what is likely. */
export const KIWI_SETTINGS = [
  {
    name: 'OFFER_MINUTES',
    default: '30',
    description: 'Minutes a booking_token is good for after the search. Older documents say 30 days.',
  },
  {
    name: 'HOLD_MINUTES',
    default: '30',
    description: 'Minutes between save_booking and the latest confirm_payment.',
  },
  {
    name: 'POLL_MS',
    default: '2500',
    description: 'Milliseconds between two check_flights of one check, at most 10000.',
  },
  {
    name: 'DOCUMENTS_FROM',
    default: '2',
    description:
      'The lowest document_need for which nothing is saved without every passenger\'s document. 1: also where the vendor says "later", which for partners may mean at booking.',
  },
  {
    name: 'PARTNER_EMAIL',
    default: '',
    description:
      "The address saved as the booking's contact: for partners the vendor names its own account's. Empty: the customer's.",
  },
  {
    name: 'SANDBOX_PASSENGERS',
    default: 'test',
    description:
      'Whom sandbox mode books. test: only a first passenger called test test, because everybody else is a live booking. any: anybody, and only at a base URL on this machine.',
  },
  {
    name: 'PROBE',
    default: 'locations',
    description:
      'What proves the key. locations: cheap, but it is not confirmed that it refuses a bad key. search: strict, and counts as a search.',
  },
  {
    name: 'FAILURE_TRIGGERS',
    default: 'sold_out technical_issue security_issue',
    description: 'Webhook triggers that end a booking as failed. One taken out of the list claims nothing.',
  },
  {
    name: 'RATE_LIMIT_SECONDS',
    default: '30',
    description: 'Seconds the account is left alone after a 429 that names no time. The vendor publishes no limits.',
  },
] as const satisfies readonly ProviderSetting[];

export type KiwiSettingName = (typeof KIWI_SETTINGS)[number]['name'];

const DEFAULTS = Object.fromEntries(KIWI_SETTINGS.map((one) => [one.name, one.default])) as Readonly<
  Record<KiwiSettingName, string>
>;

type Configured = Pick<ProviderConnection, 'settings'>;

export function textSetting({ settings }: Configured, name: KiwiSettingName): string {
  return (Object.hasOwn(settings, name) ? settings[name] : undefined)?.trim() ?? DEFAULTS[name];
}

/** A whole number up to `max`; what is none counts as not configured, because a setting is never fatal. */
export function numberSetting(connection: Configured, name: KiwiSettingName, max: number): number {
  const text = textSetting(connection, name);
  return Math.min(Number(/^\d{1,6}$/.test(text) ? text : DEFAULTS[name]), max);
}
