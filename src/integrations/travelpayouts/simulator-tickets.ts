import type { Fault } from '../simulator/scenario.ts';
import { share, tripsOn, type Flight, type Trip } from './simulator-flights.ts';
import type { Ledger, Search } from './simulator-model.ts';
import { AIRLINES, RATES, airportsOf, cityOf, shownAt } from './simulator-places.ts';

/** What agencies answer in a live search: the same tickets under the same signs, at prices of their own. */

interface Agency {
  readonly id: number;
  readonly label: string;
  readonly currency: string;
  readonly isAirline: boolean;
}

export const AGENCIES: readonly Agency[] = [
  { id: 20, label: 'SampleTrip', currency: 'eur', isAirline: false },
  { id: 62, label: 'Ticket Barn', currency: 'rub', isAirline: false },
  { id: 121, label: 'Fly Direct', currency: 'usd', isAirline: true },
];

/** The number a click names: the agency's, and the ticket's place. */
function termOf(agency: Agency, index: number): number {
  return agency.id * 100_000 + index;
}

/** Whether an agency that takes part has such a ticket. */
export function isTerm(agencies: number, term: string): boolean {
  const id = Number(term.slice(0, -5));
  return AGENCIES.slice(0, agencies).some((agency) => agency.id === id);
}

/** One agency's element of the results. Every agency leaves out another ticket, so that none has them all. */
export function chunkOf(ledger: Ledger, search: Search, turn: number, fault: Fault | null): Record<string, unknown> {
  const agency = AGENCIES[turn] ?? AGENCIES[0]!;
  const [there = '', back = null] = search.days;
  const trips = search.days.length > 2 ? [] : tripsOn(ledger, search.account, search, there, back);
  const proposals = trips.flatMap((trip, index) =>
    index % AGENCIES.length === (turn + 1) % AGENCIES.length && index > 0
      ? []
      : [proposalOf(ledger, search, { trip, index, agency, fault })],
  );
  const places = [search.from, search.to].flatMap((one) => airportsOf(one));
  return {
    search_id: search.id,
    meta: {
      uuid: search.id,
      gates: [{ id: agency.id, count: trips.length, good_count: proposals.length, duration: 2.4 }],
    },
    gates_info: {
      [agency.id]: {
        label: agency.label,
        currency_code: agency.currency,
        is_airline: agency.isAirline,
        payment_methods: ['card'],
      },
    },
    airlines: Object.fromEntries(Object.entries(AIRLINES).map(([code, name], id) => [code, { id, name }])),
    airports: Object.fromEntries(places.map((one) => [one, airportOf(one)])),
    flight_numbers: [trips.map(({ there: flight }) => `${flight.carrier}${flight.number}`)],
    proposals,
  };
}

interface Offered {
  readonly trip: Trip;
  readonly index: number;
  readonly agency: Agency;
  readonly fault: Fault | null;
}

function proposalOf(ledger: Ledger, search: Search, { trip, index, agency, fault }: Offered): Record<string, unknown> {
  const flights = [trip.there, trip.back].filter((flight) => flight !== null);
  const named = flights.map((flight) => `${flight.carrier}${flight.number}@${flight.departureIso}`).join('/');
  const { adults, children, infants } = search.passengers;
  const margin = 0.95 + share(ledger, search.account, `margin:${agency.id}:${named}`) * 0.1;
  const roubles = Math.round(trip.roubles * margin * (adults + children * 0.75 + infants * 0.1));
  const terms = {
    currency: agency.currency,
    price: Math.round(roubles / (RATES[agency.currency] ?? 1)),
    unified_price: fault?.fault === 'wrongAmount' ? 0 : roubles,
    url: termOf(agency, index),
    flights_baggage: flights.map((flight) => legsOf(flight).map(() => (agency.isAirline ? '1PC23' : false))),
    flights_handbags: flights.map((flight) => legsOf(flight).map(() => '1PC8')),
    multiplier: 1,
  };
  return {
    sign: ledger.derive(search.account, `sign:${named}`).slice(0, 32),
    is_direct: flights.every((flight) => flight.stops === 0),
    is_charter: false,
    max_stops: Math.max(...flights.map((flight) => flight.stops)),
    total_duration: flights.reduce((sum, flight) => sum + flight.minutes, 0),
    segment_durations: flights.map((flight) => flight.minutes),
    stops_airports: flights.flatMap((flight) => [flight.from, flight.to]),
    validating_carrier: trip.there.carrier,
    terms: { [agency.id]: terms },
    xterms: { [agency.id]: { [`fare-${agency.id}`]: terms } },
    segment: flights.map((flight) => ({ flight: legsOf(flight) })),
  };
}

/** The vendor's flights of a direction; one with a stop changes planes in Istanbul or Vienna, after 95 minutes. */
function legsOf(flight: Flight): Record<string, unknown>[] {
  const { departureAt, minutes, departure, arrival } = flight;
  const ways = {
    number: flight.number,
    operating_carrier: flight.carrier,
    marketing_carrier: flight.carrier,
    aircraft: 'Airbus A320',
  };
  const stopover = cityOf(flight.fromCity.code === 'VIE' || flight.toCity.code === 'VIE' ? 'IST' : 'VIE');
  if (flight.stops === 0 || stopover === undefined) {
    return [{ ...ways, ...timesOf(flight.from, flight.to, departure, arrival, minutes, departureAt), delay: 0 }];
  }
  const first = Math.floor((minutes - 95) / 2);
  const landsAt = departureAt + first * 60_000;
  const leavesAt = landsAt + 95 * 60_000;
  const [airport = ''] = stopover.airports;
  const [lands, leaves] = [shownAt(landsAt, stopover.zone), shownAt(leavesAt, stopover.zone)];
  const rest = minutes - 95 - first;
  return [
    { ...ways, ...timesOf(flight.from, airport, departure, lands, first, departureAt), delay: 0 },
    { ...ways, ...timesOf(airport, flight.to, leaves, arrival, rest, leavesAt), number: flight.number + 1, delay: 95 },
  ];
}

function timesOf(from: string, to: string, departure: string, arrival: string, duration: number, at: number) {
  return {
    departure: from,
    arrival: to,
    departure_date: departure.slice(0, 10),
    departure_time: departure.slice(11),
    arrival_date: arrival.slice(0, 10),
    arrival_time: arrival.slice(11),
    local_departure_timestamp: at / 1000,
    local_arrival_timestamp: at / 1000 + duration * 60,
    duration,
  };
}

function airportOf(code: string): Record<string, unknown> {
  const city = cityOf(code);
  return { name: `${city?.name} ${code}`, city: city?.name, country: city?.country, time_zone: city?.zone };
}
