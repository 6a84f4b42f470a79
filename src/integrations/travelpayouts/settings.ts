import { z } from 'zod';
import type { ProviderSetting } from '../travel.ts';

/** What the vendor's documents leave open, or leave to the partner (travel-providers.md section 4). */
export const TRAVELPAYOUTS_SETTINGS: readonly ProviderSetting[] = [
  {
    name: 'SURFACE',
    default: 'cached',
    description:
      'Where prices come from: `cached` (other people’s searches, any partner) or `live` (search API v1, by the ' +
      'vendor’s approval; whether new partners still get it is not confirmed). 4.1',
  },
  {
    name: 'HOST',
    default: '',
    description:
      'The site or app where live results are shown, as registered with the vendor; live searches need it. 4.5',
  },
  {
    name: 'SUB_ID',
    default: '',
    description:
      'Sub-id of our links, written `marker=<id>.<sub-id>`; the dot form is not confirmed for Aviasales. 4.7',
  },
  {
    name: 'LINK_BASE_URL',
    default: '',
    description:
      'Site that links lead to. Empty: https://www.aviasales.com where the vendor’s own API is used, else the address ' +
      'of the API, so that a simulator’s customers stay with it. 4.7',
  },
  {
    name: 'CACHED_PRICE_OF',
    default: 'passenger',
    description:
      'Whose price a cached one is: of one `passenger` (then it is multiplied by the seats) or of the whole `party`; ' +
      'the documents do not say. 4.4',
  },
  {
    name: 'LIVE_SEARCHES_PER_HOUR',
    default: '200',
    description: 'Live searches an hour for one traveller’s address; the vendor changes it by agreement. 4.9',
  },
  { name: 'POLL_FIRST_MS', default: '1000', description: 'Milliseconds before results are asked for first. 4.5' },
  {
    name: 'POLL_NEXT_MS',
    default: '2000',
    description: 'Milliseconds before results are asked for again; the vendor prescribes no interval. 4.5',
  },
];

const milliseconds = z.coerce.number().int().min(0).max(60_000);

const Settings = z.object({
  SURFACE: z.enum(['cached', 'live']),
  HOST: z.string().regex(/^[\w.:-]{0,200}$/),
  SUB_ID: z.string().regex(/^[\w-]{0,60}$/),
  LINK_BASE_URL: z.union([z.literal(''), z.url({ protocol: /^https?$/ }).max(300)]),
  CACHED_PRICE_OF: z.enum(['passenger', 'party']),
  LIVE_SEARCHES_PER_HOUR: z.coerce.number().int().min(1).max(1_000_000),
  POLL_FIRST_MS: milliseconds,
  POLL_NEXT_MS: milliseconds,
});

export type Settings = z.infer<typeof Settings>;

/** What is not given has its default; one that can't be used is named. */
export function readSettings(given: Readonly<Record<string, string>>): Settings | { readonly refused: string } {
  const merged = Object.fromEntries(TRAVELPAYOUTS_SETTINGS.map((one) => [one.name, given[one.name] ?? one.default]));
  const parsed = Settings.safeParse(merged);
  if (parsed.success) return parsed.data;
  return { refused: `the setting ${String(parsed.error.issues[0]?.path[0])} is unusable` };
}
