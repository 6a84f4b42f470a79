import { z } from 'zod';
import { readAnswer } from '../json.ts';

/**
 * The vendor's answers as they come (travel-providers.md 4.4, 4.5), read with numbers as they were written: prices are
 * no floats, ids may be larger than any number here. Unknown fields are dropped; lists are read one by one, so that a
 * broken entry costs itself.
 */
const text = z.string().max(2_000);

/** Empty where it is missing, null or no text: it decides nothing by itself. */
const perhaps = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' ? value.trim().slice(0, 2_000) : ''));

const iata = z.string().regex(/^[A-Z]{3}$/);
const digits = z.string().regex(/^\d{1,20}$/);
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);
const hour = z.string().regex(/^\d{2}:\d{2}$/);

export const Envelope = z.object({
  success: z.boolean(),
  data: z.unknown().optional(),
  /** A short text where it failed. */
  error: perhaps,
  /** Lower case; some methods leave it out. */
  currency: perhaps,
});

/** One price of prices_for_dates and grouped_prices. */
export const PricedOffer = z.object({
  origin: iata,
  destination: iata,
  origin_airport: perhaps,
  destination_airport: perhaps,
  price: text,
  airline: perhaps,
  flight_number: perhaps,
  departure_at: text,
  /** Empty for one way. */
  return_at: perhaps,
  /** Minutes. */
  duration_to: perhaps,
  duration_back: perhaps,
  link: perhaps,
});

/** One ticket of cheap: below its destination and a number of its own; times are UTC. */
export const CheapTicket = z.object({
  price: text,
  airline: perhaps,
  flight_number: perhaps,
  departure_at: text,
  return_at: perhaps,
  expires_at: text,
});

/** One airport of the dictionary. */
export const AirportRow = z.object({ code: iata, time_zone: text.min(1), city_code: perhaps });

export const SearchStarted = z.object({
  search_id: z.string().regex(/^[\w-]{8,100}$/),
  /** Roubles a unit, by lower-case currency. */
  currency_rates: z.record(z.string(), z.unknown()).optional(),
});

/** One agency's part of the results. */
export const ResultChunk = z.object({ search_id: text, proposals: z.array(z.unknown()).optional() });

const ResultFlight = z.object({
  departure: iata,
  arrival: iata,
  departure_date: day,
  departure_time: hour,
  arrival_date: day,
  arrival_time: hour,
  number: perhaps,
  operating_carrier: perhaps,
  marketing_carrier: perhaps,
});

export const Proposal = z.object({
  /** Equal for the same ticket at several agencies. */
  sign: z.string().regex(/^[\w-]{1,100}$/),
  terms: z.record(z.string(), z.unknown()),
  segment: z
    .array(z.object({ flight: z.array(ResultFlight).min(1).max(12) }))
    .min(1)
    .max(2),
});

/** What one agency asks for a ticket; the price of all passengers, in roubles. */
export const AgencyTerms = z.object({ unified_price: text, url: digits });

export const Click = z.object({
  url: z.string().max(4_000),
  method: z.string().transform((method) => (/^(get|post)$/i.test(method) ? method.toUpperCase() : 'unknown')),
});

export function readJson<T>(shape: z.ZodType<T>, body: string): T | null {
  return readAnswer(shape, body, 'written');
}

const Refusal = z.object({ error: perhaps, message: perhaps, type: perhaps });

/** The vendor's own sentence, where an answer has one. */
export function readRefusal(body: string): string | null {
  const read = readJson(Refusal, body);
  return read?.error || read?.message || read?.type || null;
}

/** The entries that can be read, and how many can't. */
export function readEach<T>(shape: z.ZodType<T>, values: readonly unknown[]): { read: T[]; unreadable: number } {
  const read = values.flatMap((value) => {
    const parsed = shape.safeParse(value);
    return parsed.success ? [parsed.data] : [];
  });
  return { read, unreadable: values.length - read.length };
}

/** The values of an object, by their own names; nothing where it is none. */
export function fieldsOf(value: unknown): [name: string, value: unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}
