import { wrong, type Nested } from './simulator-answers.ts';
import { isSold, nightsBetween, readOccupancy } from './simulator-prices.ts';

/** What the vendor refuses of a shop call (travel-providers.md 1.5, "Shop query parameters"). */

const ROOMS_MAX = 8;
const PROPERTIES_MAX = 250;
const NIGHTS_MAX = 28;
const DAYS_AHEAD_MAX = 365;
const CHANNELS = new Set(['website', 'agent_tool', 'mobile_app', 'mobile_web', 'meta', 'cache']);
const ENVIRONMENTS = new Set(['hotel_only', 'hotel_package', 'loyalty']);
const FILTERS = new Set(['refundable', 'expedia_collect', 'property_collect', 'loyalty']);

export function shopErrors(query: URLSearchParams, now: Date): Nested[] {
  return [
    ...dateErrors(query, now),
    ...occupancyErrors(query.getAll('occupancy')),
    ...propertyErrors(query.getAll('property_id')),
    ...oneErrors(query, 'currency', (value) => isSold(value)),
    ...oneErrors(query, 'country_code', (value) => /^[A-Z]{2}$/.test(value)),
    ...oneErrors(query, 'language', (value) => /^[a-z]{2}-[A-Z]{2}$/.test(value)),
    ...oneErrors(query, 'rate_plan_count', (value) => /^\d{1,3}$/.test(value) && +value >= 1 && +value <= 250),
    ...oneErrors(query, 'sales_channel', (value) => CHANNELS.has(value)),
    ...oneErrors(query, 'sales_environment', (value) => ENVIRONMENTS.has(value)),
    ...query
      .getAll('filter')
      .filter((value) => !FILTERS.has(value))
      .map((value) => wrong('filter.invalid', 'filter', value)),
  ];
}

function oneErrors(query: URLSearchParams, name: string, isGood: (value: string) => boolean): Nested[] {
  const values = query.getAll(name);
  if (values.length === 0) return [wrong(`${name}.required`, name, null)];
  return values.length === 1 && isGood(values[0] ?? '') ? [] : [wrong(`${name}.invalid`, name, values.join(','))];
}

function dateErrors(query: URLSearchParams, now: Date): Nested[] {
  const [checkin, checkout] = ['checkin', 'checkout'].map((name) => query.get(name) ?? '');
  for (const [name, value] of [
    ['checkin', checkin],
    ['checkout', checkout],
  ] as const) {
    if (value === undefined || value === '') return [wrong(`${name}.required`, name, null)];
    if (!isDate(value)) return [wrong(`${name}.invalid_date_format`, name, value)];
  }
  const today = new Date(now.getTime() - 86_400_000).toISOString().slice(0, 10);
  const last = new Date(now.getTime() + DAYS_AHEAD_MAX * 86_400_000).toISOString().slice(0, 10);
  if (checkin! < today) return [wrong('checkin.invalid_date_in_the_past', 'checkin', checkin!)];
  if (checkin! > last) return [wrong('checkin.invalid_date_too_far_out', 'checkin', checkin!)];
  if (checkout! <= checkin!) return [wrong('checkout.invalid_checkout_before_checkin', 'checkout', checkout!)];
  const isLong = nightsBetween(checkin!, checkout!).length > NIGHTS_MAX;
  return isLong ? [wrong('checkout.invalid_length_of_stay_too_long', 'checkout', checkout!)] : [];
}

function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function occupancyErrors(occupancies: readonly string[]): Nested[] {
  if (occupancies.length === 0) return [wrong('occupancy.required', 'occupancy', null)];
  if (occupancies.length > ROOMS_MAX) {
    return [wrong('number_of_occupancies.invalid_above_maximum', 'occupancy', String(occupancies.length))];
  }
  return occupancies
    .filter((one) => readOccupancy(one) === null)
    .map((one) => wrong('occupancy.invalid', 'occupancy', one));
}

function propertyErrors(ids: readonly string[]): Nested[] {
  if (ids.length === 0) return [wrong('property_id.required', 'property_id', null)];
  if (ids.length > PROPERTIES_MAX) return [wrong('property_id.invalid_above_maximum', 'property_id', null)];
  return ids.filter((id) => !/^\d{1,12}$/.test(id)).map((id) => wrong('property_id.invalid', 'property_id', id));
}
