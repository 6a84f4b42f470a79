import { z } from 'zod';

/**
 * Kiwi.com's answers as they come (travel-providers.md 3.4), read with numbers as they were written. Unknown fields are
 * dropped; what may be missing is empty and decides nothing by itself.
 */
const LENGTH_MAX = 8_000;

const perhaps = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' && value.length <= LENGTH_MAX ? value.trim() : ''));

const text = z.string().min(1).max(LENGTH_MAX);

/** Only the word itself counts. */
const flag = z
  .unknown()
  .optional()
  .transform((value) => value === true);

export const SearchAnswer = z.object({
  currency: perhaps,
  /** Read one by one: an offer that says nonsense must not cost the others. */
  data: z.array(z.unknown()).max(2_000),
});

/** Wall-clock time of the airport. The `Z` behind it is a lie. */
const localTime = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d/);

/** An airport's IATA code; stations of trains and buses have longer ones. */
const station = z.string().regex(/^[A-Z0-9]{3,8}$/);

const Segment = z.object({
  flyFrom: station,
  flyTo: station,
  airline: z.string().regex(/^[\w-]{1,20}$/),
  flight_no: z.string().regex(/^[\w-]{1,12}$/),
  return: z.enum(['0', '1']),
  local_departure: localTime,
  local_arrival: localTime,
  utc_departure: perhaps,
  utc_arrival: perhaps,
});

export const Offer = z.object({
  price: text,
  booking_token: text,
  deep_link: perhaps,
  route: z.array(Segment).min(1).max(30),
});

export const Locations = z.object({ locations: z.array(z.unknown()) });

/** A number of years, written as a number or as text. */
const years = z.string().regex(/^\d{1,2}$/);

export const CheckAnswer = z.object({
  session_id: perhaps,
  booking_token: perhaps,
  /** Verified with the suppliers. Of flights that are gone it need not be waited for. */
  flights_checked: z.boolean().optional().catch(undefined),
  flights_invalid: z.boolean(),
  price_change: flag,
  /** Euro, as everything but `conversion`. */
  total: perhaps,
  currency: perhaps,
  conversion: z.object({ currency: perhaps, amount: perhaps }).nullish().catch(null),
  document_options: z
    .object({ document_need: z.string().regex(/^\d$/) })
    .nullish()
    .catch(null),
  age_category_thresholds: z.object({ adult: years, child: years }).nullish().catch(null),
});

/** One way to buy bags or none. Handed back as it came, so this is only for choosing. */
export const Combination = z.object({
  indices: z.array(z.unknown()).max(50),
  conditions: z
    .object({ passenger_groups: z.array(z.string()).max(20) })
    .nullish()
    .catch(null),
  price: z.object({ amount: z.number() }),
});

/** The same answer, read with its numbers as numbers. */
export const BaggageAnswer = z.object({
  baggage: z.object({
    combinations: z.object({ hold_bag: z.array(z.unknown()).max(200), hand_bag: z.array(z.unknown()).max(200) }),
  }),
});

/** save_booking: what was saved, or in the same dress that it was refused. */
export const SaveAnswer = z.object({
  booking_id: perhaps,
  transaction_id: perhaps,
  sandbox: flag,
  status: perhaps,
  status_code: perhaps,
  flights_invalid: flag,
  total: perhaps,
});

/** Whatever the HTTP status is, this is the answer. */
export const ConfirmAnswer = z.object({ status: z.string().regex(/^-?\d{1,6}$/), msg: perhaps });

export const ErrorAnswer = z.object({ status: perhaps, error: perhaps, msg: perhaps, message: perhaps });

/** Webhooks 2.0: only `trigger` is certain. */
export const NoticeBody = z.object({
  trigger: z.string().trim().min(1).max(200),
  booking_id: perhaps,
  bid: perhaps,
  data: z.object({ booking_id: perhaps, bid: perhaps }).nullish().catch(null),
});
