import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { Found, FoundStay, StayQuery } from '../travel.ts';
import { answerOf, ask, type ExpediaOptions } from './exchange.ts';
import { occupancyOf, ranked, toStays, type ReadStays } from './map.ts';
import { namesOf } from './names.ts';
import { propertiesOf } from './places.ts';
import { languageOf, type Profile } from './profile.ts';
import { numberSettingOf, settingOf, type SettingName } from './settings.ts';
import { Properties } from './wire.ts';

/** The vendor's own bound of one shop call. */
const BATCH_MAX = 250;
const CONCURRENT_MAX = 4;
/** 250 properties with several rates are some megabytes when unpacked. */
const SHOP_BYTES_MAX = 8_388_608;
const RATES_MAX = 20;
const ROOMS_MAX = 8;
/** What is kept back of the time for putting together what came. */
const RESERVE = { share: 0.1, msMax: 1_000 };

/**
 * Place, then prices of its properties in batches, then names (travel-providers.md 1.1, 1.5). Batches without an answer
 * in time leave a search that is incomplete and says so; only one without any answer has failed.
 */
export async function searchStays(
  options: ExpediaOptions,
  profile: Profile,
  query: StayQuery,
  call: OutboundCall,
): Promise<Outcome<Found<FoundStay>>> {
  const rooms = query.occupancies.flatMap((one) => occupancyOf(one) ?? []);
  const refused = refusalOf(query, rooms);
  if (refused !== null) return notDone('rejected', refused);
  const reserveMs = Math.min(call.timeoutMs * RESERVE.share, RESERVE.msMax);
  const whole = sharedBudget(options.clock, call);
  const budget = sharedBudget(options.clock, { ...call, timeoutMs: call.timeoutMs - reserveMs });
  const place = await placeOf(options, profile, query, () => budget.next());
  if (place.kind !== 'done') return place;
  const batches = evenly(place.value.slice(0, propertiesMax(profile)), BATCH_MAX);
  const rateCount = Math.min(RATES_MAX, Math.ceil(query.offersMax / Math.max(1, place.value.length)));
  const answers = await inTurns(batches, CONCURRENT_MAX, async (ids): Promise<Outcome<ReadStays>> => {
    if (budget.isOver) return notDone('unavailable', 'the time of the search ran out');
    return shop(options, profile, { query, rooms, ids, rateCount: Math.max(1, rateCount), call: budget.next() });
  });
  const read = answers.flatMap((answer) => (answer.kind === 'done' ? answer.value : []));
  const failures = answers.filter((answer) => answer.kind !== 'done');
  if (failures[0] !== undefined && failures.length === answers.length) return failures[0];
  const stays = ranked(
    read.flatMap((part) => part.stays),
    query.offersMax,
  );
  const names = await namesOf(options, profile, {
    ids: stays.map(({ propertyId }) => propertyId),
    traveller: query.traveller,
    call: whole.next(),
  });
  const offers = stays.map((stay) => ({ ...stay, propertyName: names.get(stay.propertyId) ?? null }));
  const unread = read.reduce((sum, part) => sum + part.unread, 0);
  const incompleteReason = missing(failures, answers.length, unread);
  return { kind: 'done', value: { offers, complete: incompleteReason === null, incompleteReason } };
}

/** What is missing, as it may be shown to anybody: without the vendor's words or ours about the network. */
function missing(failures: readonly Outcome<unknown>[], parts: number, unread: number): string | null {
  const isLimited = failures.some((one) => one.kind === 'notDone' && one.reason === 'rateLimited');
  const why = isLimited ? 'were more than the vendor takes now' : 'had no answer in time';
  if (failures.length > 0) return `${failures.length} of ${parts} parts of the search ${why}`;
  return unread > 0 ? `${unread} of the vendor's offers could not be read` : null;
}

/** What the vendor could only refuse. */
function refusalOf(query: StayQuery, rooms: readonly string[]): string | null {
  if (rooms.length === 0 || rooms.length !== query.occupancies.length) return 'a room has no adult, or a child no age';
  if (rooms.length > ROOMS_MAX) return `more than ${ROOMS_MAX} rooms`;
  const isDate = (text: string): boolean => /^\d{4}-\d\d-\d\d$/.test(text);
  if (!isDate(query.checkIn) || !isDate(query.checkOut)) return 'the dates are none';
  if (query.checkIn >= query.checkOut) return 'the stay ends before it begins';
  return /^[A-Z]{2}$/.test(query.traveller.countryCode) ? null : 'the point of sale is no country';
}

/** Properties that are named are asked for as they are; a place is looked up. */
async function placeOf(
  options: ExpediaOptions,
  profile: Profile,
  { destination, propertyIds }: StayQuery,
  call: () => OutboundCall,
): Promise<Outcome<readonly string[]>> {
  const ids = [...new Set(propertyIds)];
  if (!ids.every((id) => /^\w{1,40}$/.test(id))) return notDone('rejected', 'a property id that is none');
  if (ids.length > 0) return { kind: 'done', value: ids };
  if (destination === null) return notDone('rejected', 'neither a place nor a property');
  return propertiesOf(options, profile, destination, call);
}

function propertiesMax({ connection }: Profile): number {
  return numberSettingOf(connection, 'PROPERTIES_MAX', { min: 1, max: 2_500 }) ?? BATCH_MAX;
}

interface Shop {
  readonly query: StayQuery;
  readonly rooms: readonly string[];
  readonly ids: readonly string[];
  readonly rateCount: number;
  readonly call: OutboundCall;
}

function shop(options: ExpediaOptions, profile: Profile, asked: Shop): Promise<Outcome<ReadStays>> {
  return ask<ReadStays>(options, {
    profile,
    call: { ...asked.call, maxBytes: asked.call.maxBytes ?? SHOP_BYTES_MAX },
    traveller: asked.query.traveller,
    method: 'GET',
    about: 'search',
    url: `${profile.base}/properties/availability?${shopParameters(profile, asked)}`,
    tested: 'shop',
    effect: false,
    read: (response) => {
      const properties = answerOf(Properties, response, 'parsed');
      if (properties === null) return null;
      const read = properties.map((property) => toStays(property, asked.rooms));
      const stays = read.flatMap((one) => one.stays);
      const unread = read.reduce((sum, one) => sum + one.unread, 0);
      // An answer in a language of its own is none, rather than a place without offers.
      return stays.length === 0 && unread > 0 ? null : { kind: 'done', value: { stays, unread } };
    },
  });
}

/** Names of parameters that are sent only where the vendor handed out a value. */
const AGREED: readonly (readonly [parameter: string, setting: SettingName])[] = [
  ['billing_terms', 'BILLING_TERMS'],
  ['payment_terms', 'PAYMENT_TERMS'],
  ['partner_point_of_sale', 'PARTNER_POINT_OF_SALE'],
  ['platform_name', 'PLATFORM_NAME'],
];

/** Rates that the property charges want the traveller's card, which never comes here: they are not asked for. */
export function shopParameters(profile: Profile, { query, rooms, ids, rateCount }: Omit<Shop, 'call'>): string {
  const { connection } = profile;
  const parameters = new URLSearchParams({
    checkin: query.checkIn,
    checkout: query.checkOut,
    currency: query.currencyCode,
    country_code: query.traveller.countryCode,
    language: languageOf(profile, query.traveller),
    rate_plan_count: String(rateCount),
    sales_channel: settingOf(connection, 'SALES_CHANNEL'),
    sales_environment: settingOf(connection, 'SALES_ENVIRONMENT'),
    filter: 'expedia_collect',
  });
  for (const room of rooms) parameters.append('occupancy', room);
  for (const id of ids) parameters.append('property_id', id);
  for (const [parameter, setting] of AGREED) {
    const value = settingOf(connection, setting);
    if (value !== '') parameters.set(parameter, value);
  }
  return parameters.toString();
}

/** Parts of nearly the same size, none larger than allowed: they are as fast as the largest. */
export function evenly<T>(items: readonly T[], most: number): T[][] {
  const count = Math.ceil(items.length / most);
  return Array.from({ length: count }, (_part, index) =>
    items.slice(Math.floor((index * items.length) / count), Math.floor(((index + 1) * items.length) / count)),
  );
}

/** At most so many at a time, answers in the order of what was asked. */
async function inTurns<T, R>(items: readonly T[], most: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane));
  return results;
}
