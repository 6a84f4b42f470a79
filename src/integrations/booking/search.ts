import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { Found, FoundStay, ProviderConnection, StayQuery } from '../travel.ts';
import { askDemand } from './exchange.ts';
import { fromAvailability, fromSearch, toFoundStay, unreadableOf, type Candidate, type Wanted } from './map.ts';
import { onTheSpot } from './money.ts';
import { namesOf, type NamesOptions } from './names.ts';
import { availabilityBody, languageOf, searchBody, toStayRequest, type Body, type StayRequest } from './request.ts';
import { readSettings, type BookingSettings } from './settings.ts';
import { AvailabilityAnswer, SearchAnswer, type SearchEntry } from './wire.ts';

/**
 * Finds stays (travel-providers.md 2.4). A place is searched: the cheapest stay of each property, page by page. Properties
 * that are named are looked at: every product they have. Whatever could not be read within the time, the number of offers
 * or the vendor's patience is said to be missing, and what was found stands.
 */

/** The vendor's limit for one call of availability. */
const LOOKED_AT_MAX = 50;
const PAGES_MAX = 10;
/** Less time is not worth a further page. */
const PAGE_MS_LEAST = 250;
/** Offers that are there do not wait longer for what they are called. */
const NAMES_MS_MAX = 4_000;
const NAMES_MS_KEPT = 1_000;

interface Desk {
  readonly options: NamesOptions;
  readonly connection: ProviderConnection;
  readonly query: StayQuery;
  readonly settings: BookingSettings;
  readonly request: StayRequest;
  readonly wanted: Wanted;
  readonly budget: ReturnType<typeof sharedBudget>;
}

interface Harvest {
  readonly candidates: Candidate[];
  /** Why there may be more. */
  readonly missing: string[];
}

export async function searchStays(
  options: NamesOptions,
  connection: ProviderConnection,
  query: StayQuery,
  call: OutboundCall,
): Promise<Outcome<Found<FoundStay>>> {
  const settings = readSettings(connection);
  if ('refused' in settings) return notDone('misconfigured', settings.refused);
  const now = options.clock.now();
  const request = toStayRequest(query, settings, now);
  if ('refused' in request) return notDone('rejected', request.refused);
  const mock = request.properties.some((id) => isMock(connection, settings, id));
  if (mock) return notDone('rejected', 'a property of the sandbox is no property in production');
  if (query.offersMax < 1) return { kind: 'done', value: { offers: [], complete: true, incompleteReason: null } };
  const wanted: Wanted = {
    occupancies: query.occupancies,
    currencyCode: query.currencyCode,
    timing: settings.paymentTiming,
    excess: settings.excessDecimals,
    now,
  };
  const budget = sharedBudget(options.clock, call);
  const desk: Desk = { options, connection, query, settings, request, wanted, budget };
  const harvest = await (request.place === null ? lookAt(desk, request.properties) : searchPlace(desk, call));
  return harvest.kind === 'done' ? { kind: 'done', value: await named(desk, harvest.value) } : harvest;
}

/** The sandbox's own properties do not exist in production, and asking for them there is an error (travel-providers.md 2.2). */
export function isMock(
  { mode }: ProviderConnection,
  { sandboxProperties }: BookingSettings,
  property: string,
): boolean {
  return mode === 'PRODUCTION' && sandboxProperties.includes(property);
}

async function searchPlace(desk: Desk, call: OutboundCall): Promise<Outcome<Harvest>> {
  const harvest: Harvest = { candidates: [], missing: [] };
  const unclear: string[] = [];
  const seen = new Set<string>();
  let body: Body = searchBody(desk.request, desk.settings, desk.query.offersMax);
  for (let page = 1; ; page++) {
    const asked = await askPage(desk, body, page === 1 ? desk.budget.next() : laterPage(desk, call));
    if (asked.kind !== 'done') {
      if (page === 1) return asked;
      harvest.missing.push(`page ${page} did not come: ${asked.detail}`);
      break;
    }
    take(harvest, unclear, seen, asked.value.entries, desk.wanted);
    const { next } = asked.value;
    if (next === null) break;
    const stop = reasonToStop(desk, harvest.candidates.length + unclear.length, page, next === body['page']);
    if (stop !== null) {
      harvest.missing.push(stop);
      break;
    }
    body = { page: next };
  }
  if (unclear.length > 0) await askAbout(desk, unclear, harvest);
  return { kind: 'done', value: harvest };
}

/** A page more that hangs leaves time to name what was found before. */
function laterPage({ budget }: Desk, { timeoutMs }: OutboundCall): OutboundCall {
  const left = budget.next();
  return atMost(Math.max(1, left.timeoutMs - Math.min(NAMES_MS_KEPT, timeoutMs / 10)), left);
}

function reasonToStop({ query, budget }: Desk, found: number, page: number, isLoop: boolean): string | null {
  if (found >= query.offersMax) return moreThan(query);
  if (isLoop) return 'the vendor gave the same page again';
  if (page >= PAGES_MAX) return `no more than ${PAGES_MAX} pages are read`;
  return budget.next().timeoutMs < PAGE_MS_LEAST ? 'the time was over before the next page' : null;
}

function moreThan({ offersMax }: StayQuery): string {
  return `there are more than the ${offersMax} offers asked for`;
}

/** A list that changes while it is read shows a property twice: the first one counts. */
function take(
  harvest: Harvest,
  unclear: string[],
  seen: Set<string>,
  entries: readonly (SearchEntry | null)[],
  wanted: Wanted,
): void {
  let unreadable = 0;
  for (const entry of entries) {
    const found = entry === null ? null : fromSearch(entry, wanted);
    if (entry === null || found === null) unreadable++;
    else if (!seen.has(entry.id)) {
      seen.add(entry.id);
      if (found === 'ASK') unclear.push(entry.id);
      else if (found !== 'PAID_OTHERWISE') harvest.candidates.push(found);
    }
  }
  if (unreadable > 0) harvest.missing.push(unread(unreadable));
}

function unread(count: number): string {
  return `${count} offers could not be read`;
}

function isNull(entry: unknown): boolean {
  return entry === null;
}

interface Page {
  readonly entries: readonly (SearchEntry | null)[];
  readonly next: string | null;
}

function askPage({ options, connection }: Desk, body: Body, call: OutboundCall): Promise<Outcome<Page>> {
  return askDemand<{ data: readonly (SearchEntry | null)[]; metadata: string | null }, Page>(options, {
    connection,
    call,
    path: '/accommodations/search',
    body,
    effect: false,
    shape: SearchAnswer,
    convert: ({ data, metadata }) => ({ kind: 'done', value: { entries: data, next: metadata } }),
  });
}

/** Properties that answered without saying who sleeps where: one look more, and then they are left out. */
async function askAbout(desk: Desk, properties: readonly string[], harvest: Harvest): Promise<void> {
  const wanted = properties.slice(0, LOOKED_AT_MAX);
  if (properties.length > wanted.length)
    harvest.missing.push(`${properties.length - wanted.length} were not looked at`);
  if (desk.budget.next().timeoutMs < PAGE_MS_LEAST) {
    harvest.missing.push('the time was over before the rooms were looked at');
    return;
  }
  const looked = await askAvailability(desk, wanted);
  if (looked.kind !== 'done') harvest.missing.push(`the rooms were not told: ${looked.detail}`);
  else {
    harvest.missing.push(...looked.value.missing);
    // One offer for each, as in the rest of the search.
    const cheapest = new Map(looked.value.candidates.toReversed().map((one) => [one.property, one]));
    harvest.candidates.push(...cheapest.values());
  }
}

async function lookAt(desk: Desk, properties: readonly string[]): Promise<Outcome<Harvest>> {
  const harvest: Harvest = { candidates: [], missing: [] };
  for (let at = 0; at < properties.length; at += LOOKED_AT_MAX) {
    if (at > 0 && desk.budget.next().timeoutMs < PAGE_MS_LEAST) {
      harvest.missing.push('the time was over before every property was looked at');
      break;
    }
    const looked = await askAvailability(desk, properties.slice(at, at + LOOKED_AT_MAX));
    if (looked.kind === 'done') {
      harvest.candidates.push(...looked.value.candidates);
      harvest.missing.push(...looked.value.missing);
    } else if (at === 0) return looked;
    else harvest.missing.push(`not every property was told: ${looked.detail}`);
  }
  return { kind: 'done', value: { ...harvest, candidates: cheapestOfEachFirst(harvest.candidates) } };
}

function askAvailability(desk: Desk, properties: readonly string[]): Promise<Outcome<Harvest>> {
  const { options, connection, request, settings, wanted, budget } = desk;
  return askDemand(options, {
    connection,
    call: budget.next(),
    path: '/accommodations/availability',
    body: availabilityBody(request, settings, properties),
    effect: false,
    shape: AvailabilityAnswer,
    convert: ({ data }) => {
      const read = data.filter((entry) => entry !== null).filter(({ id }) => properties.includes(id));
      const unreadable = read.reduce((sum, entry) => sum + unreadableOf(entry, wanted), data.filter(isNull).length);
      const candidates = read.flatMap((entry) => fromAvailability(entry, wanted));
      return { kind: 'done', value: { candidates, missing: unreadable > 0 ? [unread(unreadable)] : [] } };
    },
  });
}

/** So that a bound on the number of offers leaves out no property for another one's tenth rate. */
function cheapestOfEachFirst(candidates: readonly Candidate[]): Candidate[] {
  const counts = new Map<string, number>();
  const ranked = candidates.map((candidate) => {
    const rank = counts.get(candidate.property) ?? 0;
    counts.set(candidate.property, rank + 1);
    return { candidate, rank };
  });
  return ranked.toSorted((one, other) => one.rank - other.rank).map(({ candidate }) => candidate);
}

async function named(desk: Desk, { candidates, missing }: Harvest): Promise<Found<FoundStay>> {
  const { options, connection, query, request, budget } = desk;
  const shown = candidates.slice(0, query.offersMax);
  const properties = [...new Set(shown.map(({ property }) => property))];
  const language = languageOf(query.traveller.locale);
  const names =
    properties.length === 0 || budget.isOver
      ? new Map<string, never>()
      : await namesOf(options, connection, properties, language, atMost(NAMES_MS_MAX, budget.next()));
  const reasons = new Set([...missing, ...(shown.length < candidates.length ? [moreThan(query)] : [])]);
  return {
    offers: shown.map((one) => ({
      ...toFoundStay(one, query, request.booker, names.get(one.property)),
      payAtPropertyMinor: onTheSpot(desk.settings.paymentTiming, one.price.minor),
    })),
    complete: reasons.size === 0,
    incompleteReason: reasons.size === 0 ? null : [...reasons].join('; '),
  };
}

function atMost(ms: number, call: OutboundCall): OutboundCall {
  return { ...call, timeoutMs: Math.min(call.timeoutMs, ms) };
}
