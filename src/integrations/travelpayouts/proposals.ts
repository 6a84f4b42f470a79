import type { z } from 'zod';
import type { FlightLeg, FlightQuery, FoundFlight } from '../travel.ts';
import { compareDecimals, convertedMinor, readDecimal, type Decimal } from './money.ts';
import { isDay } from './times.ts';
import { AgencyTerms, Proposal, ResultChunk, fieldsOf, readEach } from './wire.ts';

/** Pure: what a live search's chunks come to (travel-providers.md 4.5). */

/** A ticket at the agency that asks least for it. */
interface Best {
  readonly proposal: z.infer<typeof Proposal>;
  readonly gateId: string;
  /** What the click names. */
  readonly term: string;
  readonly unified: Decimal;
}

export interface Collected {
  readonly bySign: ReadonlyMap<string, Best>;
  /** Tickets that could not be read, or were more than are held. */
  readonly unreadable: number;
  /** The element that holds nothing but the search's id has come. */
  readonly isOver: boolean;
}

export const NOTHING_COLLECTED: Collected = { bySign: new Map(), unreadable: 0, isOver: false };

/** More tickets than anybody looks at; a bound on what an answer may make us hold. */
const TICKETS_MAX = 5_000;

/** One poll's elements, on top of what earlier ones brought; the same ticket at several agencies is one, at the lowest price. */
export function collect(before: Collected, elements: readonly unknown[], searchId: string): Collected {
  const bySign = new Map(before.bySign);
  let { unreadable, isOver } = before;
  for (const element of elements) {
    const chunk = ResultChunk.safeParse(element);
    // What is of another search is nobody's here.
    if (!chunk.success || chunk.data.search_id !== searchId) continue;
    if (fieldsOf(element).length === 1) isOver = true;
    const proposals = readEach(Proposal, chunk.data.proposals ?? []);
    unreadable += proposals.unreadable;
    for (const proposal of proposals.read) {
      const best = bestOf(proposal);
      const held = bySign.get(proposal.sign) ?? null;
      if (best === null || (held === null && bySign.size >= TICKETS_MAX)) unreadable++;
      else if (isBetter(best, held)) bySign.set(proposal.sign, best);
    }
  }
  return { bySign, unreadable, isOver };
}

/** The agency with the lowest price. */
function bestOf(proposal: z.infer<typeof Proposal>): Best | null {
  let best: Best | null = null;
  for (const [gateId, value] of fieldsOf(proposal.terms)) {
    const terms = AgencyTerms.safeParse(value);
    const unified = terms.success ? readDecimal(terms.data.unified_price) : null;
    if (!terms.success || unified === null || unified.mantissa <= 0n) continue;
    const offered = { proposal, gateId, term: terms.data.url, unified };
    if (isBetter(offered, best)) best = offered;
  }
  return best;
}

/** Of two equal prices the agency that comes first by its id, so that the order of answers changes no offer. */
function isBetter(one: Best, other: Best | null): boolean {
  if (other === null) return true;
  const difference = compareDecimals(one.unified, other.unified);
  return difference === 0n ? one.gateId < other.gateId : difference < 0n;
}

export interface Priced {
  readonly query: FlightQuery;
  readonly searchId: string;
  /** Roubles for one unit of the currency asked for. */
  readonly rate: Decimal;
  readonly expiresAt: Date;
}

/** Null where the ticket has not the directions asked for, or no price. */
export function toFlight(best: Best, { query, searchId, rate, expiresAt }: Priced): FoundFlight | null {
  const { proposal, gateId, term, unified } = best;
  const directions = query.return === null ? 1 : 2;
  const totalMinor = convertedMinor(unified, rate, query.currencyCode);
  if (totalMinor === null || proposal.segment.length !== directions) return null;
  const legs = proposal.segment.flatMap(({ flight }, index) =>
    flight.map((one) => toLeg(one, index === 0 ? 'OUTBOUND' : 'RETURN')),
  );
  if (legs.some((leg) => leg === null)) return null;
  const token = { surface: 'live', searchId, term, gateId, sign: proposal.sign, expiresAt: expiresAt.toISOString() };
  return {
    legs: legs.filter((leg) => leg !== null),
    totalMinor,
    currencyCode: query.currencyCode,
    expiresAt,
    // A link costs a call that only the customer's click may make.
    deepLink: null,
    token,
  };
}

type Flight = z.infer<typeof Proposal>['segment'][number]['flight'][number];

/** Wall-clock times only: what the vendor's own timestamps mean is not documented well enough to be an instant. */
function toLeg(flight: Flight, direction: FlightLeg['direction']): FlightLeg | null {
  if (!isDay(flight.departure_date) || !isDay(flight.arrival_date)) return null;
  return {
    from: flight.departure,
    to: flight.arrival,
    departureLocal: `${flight.departure_date}T${flight.departure_time}`,
    arrivalLocal: `${flight.arrival_date}T${flight.arrival_time}`,
    departureAt: null,
    arrivalAt: null,
    carrier: (flight.marketing_carrier || flight.operating_carrier).slice(0, 3),
    flightNumber: flight.number.slice(0, 10),
    direction,
  };
}
