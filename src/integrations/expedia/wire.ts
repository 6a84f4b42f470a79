import { z } from 'zod';

/**
 * Rapid's answers as they come (travel-providers.md 1.5, 1.6). Ids are text in one sample and a number in the next, and
 * so they are taken as either. Unknown fields are dropped; what is optional and unreadable counts as not said.
 */
const text = z.union([z.string().max(4_000), z.number().transform(String)]);
const id = text.pipe(z.string().regex(/^[\w.:-]{1,80}$/));

function perhaps<T>(shape: z.ZodType<T>) {
  return z
    .unknown()
    .optional()
    .transform((value): T | null => {
      const parsed = shape.safeParse(value);
      return parsed.success ? parsed.data : null;
    });
}

/** Those entries of a list that can be read. */
function listOf<T>(shape: z.ZodType<T>) {
  return z
    .unknown()
    .optional()
    .transform((value): readonly T[] => (Array.isArray(value) ? value.flatMap((one) => readable(shape, one)) : []));
}

/** Null for an entry that can't be read: who shows the others must say that something is missing. */
function entriesOf<T>(shape: z.ZodType<T>) {
  return z
    .array(z.unknown())
    .transform((entries): readonly (T | null)[] => entries.map((entry) => readable(shape, entry)[0] ?? null));
}

/** Those entries of a map that can be read, by the vendor's own keys and no others. */
function mapOf<T>(shape: z.ZodType<T>) {
  return z
    .unknown()
    .optional()
    .transform((value): ReadonlyMap<string, T> => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
      return new Map(Object.entries(value).flatMap(([key, one]) => readable(shape, one).map((read) => [key, read])));
    });
}

function readable<T>(shape: z.ZodType<T>, value: unknown): T[] {
  const parsed = shape.safeParse(value);
  return parsed.success ? [parsed.data] : [];
}

/** A value of a closed list, `unknown` for one that came later. */
function oneOf<const V extends string>(values: readonly V[]) {
  return z.unknown().transform((value): V | 'unknown' => values.find((one) => one === value) ?? 'unknown');
}

const Link = z.object({ method: perhaps(text), href: z.string().min(1).max(8_000), expires: perhaps(text) });
export type Link = z.infer<typeof Link>;

const Amount = z.object({ value: text, currency: z.string().regex(/^[A-Z]{3}$/) });
/** In two currencies: that of the bill and that of the question. */
const Total = z.object({ billable_currency: perhaps(Amount), request_currency: perhaps(Amount) });
export type Total = z.infer<typeof Total>;

const Pricing = z.object({
  /** For each night what it is made of. */
  nightly: perhaps(z.array(z.array(Amount))),
  totals: z.object({ inclusive: perhaps(Total), property_inclusive: perhaps(Total) }),
  /** Strict, because a fee that can't be read is no fee of nothing. */
  fees: z.record(z.string(), Total).nullish(),
});
export type Pricing = z.infer<typeof Pricing>;

const Penalty = z.object({
  start: text,
  currency: perhaps(text),
  amount: perhaps(text),
  nights: perhaps(text),
  percent: perhaps(text),
});
export type Penalty = z.infer<typeof Penalty>;

const BedGroup = z.object({ id: perhaps(id), links: z.object({ price_check: Link }) });

const Rate = z.object({
  id,
  status: oneOf(['available', 'price_changed', 'sold_out']),
  refundable: perhaps(z.boolean()),
  merchant_of_record: oneOf(['expedia', 'property']),
  bed_groups: mapOf(BedGroup),
  cancel_penalties: perhaps(z.array(Penalty)),
  nonrefundable_date_ranges: perhaps(z.array(z.object({ start: text }))),
  occupancy_pricing: mapOf(Pricing),
});
export type Rate = z.infer<typeof Rate>;

const Property = z.object({
  property_id: id,
  status: oneOf(['available', 'partially_unavailable']),
  score: perhaps(text),
  /** Only where nothing is unavailable. */
  rooms: entriesOf(z.object({ id, room_name: perhaps(text), rates: entriesOf(Rate) })).nullish(),
});
export type Property = z.infer<typeof Property>;

/** Entries are read one by one, so that one of them spoils nothing but itself. */
export const Properties = entriesOf(Property);

export const PriceCheck = z.object({
  status: oneOf(['available', 'price_changed', 'sold_out']),
  occupancy_pricing: mapOf(Pricing),
  links: z
    .object({ book: perhaps(Link), payment_session: perhaps(Link) })
    .nullish()
    .transform((links) => links ?? null),
});
export type PriceCheck = z.infer<typeof PriceCheck>;

export const Region = z.object({
  id,
  type: perhaps(text),
  property_ids: listOf(id),
  property_ids_expanded: listOf(id),
});
export type Region = z.infer<typeof Region>;
export const Regions = z.array(z.unknown()).transform((entries) => entries.flatMap((one) => readable(Region, one)));

/** Contents by property id. */
export const Contents = mapOf(z.object({ name: text }));

export const BookAnswer = z.object({
  itinerary_id: id,
  links: perhaps(z.object({ resume: perhaps(Link), cancel: perhaps(Link), complete_payment_session: perhaps(Link) })),
});
export type BookAnswer = z.infer<typeof BookAnswer>;

const Room = z.object({
  id: perhaps(id),
  /** One l; the other spelling may come. */
  status: oneOf(['pending', 'booked', 'canceled', 'cancelled']),
  rate: perhaps(z.object({ cancel_refund: perhaps(z.object({ amount: text, currency: text })) })),
  links: perhaps(z.object({ cancel: perhaps(Link) })),
});
export type Room = z.infer<typeof Room>;

/** Minutes after it was made an itinerary may be shown with nothing but its id: then rooms are null. */
export const Itinerary = z.object({
  itinerary_id: id,
  affiliate_reference_id: perhaps(text),
  links: perhaps(z.object({ resume: perhaps(Link), cancel: perhaps(Link) })),
  rooms: perhaps(z.array(Room).min(1)),
});
export type Itinerary = z.infer<typeof Itinerary>;

/** An answer that finds by reference; null where an entry can't be read, because it might be ours. */
export const Itineraries = z.array(Itinerary);

const Kind = z.object({ type: z.string().regex(/^[\w.-]{1,100}$/) });
export const ErrorAnswer = Kind.extend({
  errors: listOf(Kind),
  fields: listOf(z.object({ name: text, value: text })),
});
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;

export const Notification = z.object({
  event_id: z.string().regex(/^[\w.:-]{1,100}$/),
  event_type: z.string().regex(/^[\w.-]{1,100}$/),
  itinerary_id: perhaps(id),
  affiliate_reference_id: perhaps(z.string().regex(/^[\w-]{3,28}$/)),
});
