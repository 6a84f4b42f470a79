import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import { answerOf, ask, doneWith, type ExpediaOptions } from './exchange.ts';
import type { Profile } from './profile.ts';
import { settingOf } from './settings.ts';
import { Region, Regions } from './wire.ts';

/**
 * From a place to the ids of its properties: Rapid has no search by city (travel-providers.md 1.1). Kept for a day,
 * because nothing changes there.
 */

/** Kinds of regions as a guest means a code, best first; wider ones (provinces, countries) are nobody's destination. */
const TYPES = ['city', 'multi_city_vicinity', 'neighborhood', 'airport', 'train_station', 'metro_station'] as const;
/** What is kept of a place. */
const PROPERTIES_KEPT = 2_500;
const REGIONS_MAX = 25;

export async function propertiesOf(
  options: ExpediaOptions,
  profile: Profile,
  destination: string,
  call: () => OutboundCall,
): Promise<Outcome<readonly string[]>> {
  const wanted = readDestination(destination);
  if (wanted === null) {
    return notDone('rejected', 'places are IATA codes, or regions of the vendor such as region:178307');
  }
  const include = settingOf(profile.connection, 'REGION_PROPERTIES');
  const key = `${include}:${'region' in wanted ? `region:${wanted.region}` : wanted.code}`;
  return options.cache.through(profile.connection, 'regions', key, () =>
    askRegions(options, profile, wanted, include, call()),
  );
}

type Destination = { readonly region: string } | { readonly code: string };

function readDestination(text: string): Destination | null {
  const region = /^region:(\d{1,20})$/.exec(text)?.[1];
  if (region !== undefined) return { region };
  return /^[A-Za-z]{3}$/.test(text) ? { code: text.toUpperCase() } : null;
}

function askRegions(
  options: ExpediaOptions,
  profile: Profile,
  wanted: Destination,
  include: string,
  call: OutboundCall,
): Promise<Outcome<readonly string[]>> {
  const query = new URLSearchParams({ language: 'en-US', include });
  const question = { profile, call, traveller: null, method: 'GET', about: 'search', effect: false } as const;
  if ('region' in wanted) {
    return ask(options, {
      ...question,
      url: `${profile.base}/regions/${wanted.region}?${query}`,
      read: (response) => {
        const region = answerOf(Region, response);
        return doneWith(region && idsOf([region]));
      },
    });
  }
  query.set('iata_location_code', wanted.code);
  query.set('limit', String(REGIONS_MAX));
  return ask(options, {
    ...question,
    url: `${profile.base}/regions?${query}`,
    read: (response) => {
      const regions = answerOf(Regions, response);
      return doneWith(regions && idsOf(byMeaning(regions)));
    },
  });
}

function byMeaning(regions: readonly Region[]): Region[] {
  return TYPES.flatMap((type) => regions.filter((region) => region.type === type));
}

function idsOf(regions: readonly Region[]): string[] {
  const ids = regions.flatMap((region) => [...region.property_ids, ...region.property_ids_expanded]);
  return [...new Set(ids)].slice(0, PROPERTIES_KEPT);
}

/** A cheap signed call without any load on inventory: proves key, secret and clock (travel-providers.md 1.13). */
export function probe(options: ExpediaOptions, profile: Profile, call: OutboundCall): Promise<Outcome<null>> {
  const query = new URLSearchParams({
    language: 'en-US',
    include: 'standard',
    iata_location_code: 'SEA',
    limit: '1',
  });
  return ask(options, {
    profile,
    call,
    traveller: null,
    method: 'GET',
    about: 'search',
    url: `${profile.base}/regions?${query}`,
    effect: false,
    read: (response) => (answerOf(Regions, response) === null ? null : { kind: 'done', value: null }),
  });
}
