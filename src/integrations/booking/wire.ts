import { z } from 'zod';

/**
 * The Demand API's answers as they come (travel-providers.md 2.4, 2.5), read with numbers as they were written. Unknown
 * fields are dropped, an unknown word becomes `unknown`, and one entry of a list that cannot be read is null and hides
 * no other.
 */
const written = z.union([z.string(), z.number()]).transform(String).pipe(z.string().max(64));
const id = written.pipe(z.string().regex(/^\d{1,15}$/));
/** Product ids, tokens and order ids are opaque; blanks and control characters are in none. */
const opaque = (lengthMax: number) =>
  z
    .union([z.string(), z.number()])
    .transform(String)
    .pipe(
      z
        .string()
        .regex(/^[\x21-\x7e]+$/)
        .max(lengthMax),
    );
const text = (lengthMax: number) => z.string().max(lengthMax);
const orNull = <T extends z.ZodType>(shape: T) => shape.nullish().transform((value) => value ?? null);
const list = <T extends z.ZodType>(entry: T, countMax: number) => z.array(entry.nullable().catch(null)).max(countMax);

const REQUEST_ID = orNull(text(64)).catch(null);
const ENTRIES_MAX = 2_000;

const Pair = z.object({
  accommodation_currency: orNull(written),
  booker_currency: orNull(written),
});
export type MoneyPair = z.infer<typeof Pair>;
const pair = orNull(Pair).catch(null);

const currency = z.string().regex(/^[A-Z]{3}$/);
const CurrencyPair = z.object({ accommodation: orNull(currency).catch(null), booker: orNull(currency).catch(null) });
export type Currencies = z.infer<typeof CurrencyPair>;

const price = orNull(z.object({ display: pair, total: pair })).catch(null);

const children = orNull(z.array(written.pipe(z.string().regex(/^(\d|1[0-7])$/)).transform(Number)).max(100)).catch(
  null,
);
const count = orNull(written.pipe(z.string().regex(/^\d{1,3}$/)).transform(Number)).catch(null);

const ScheduleEntry = z.object({ from: orNull(text(40)), price: orNull(Pair) });
export type ScheduleEntry = z.infer<typeof ScheduleEntry>;
/** An entry that cannot be read makes the whole schedule unknown: half a schedule is a wrong one. */
const schedule = orNull(z.array(ScheduleEntry).max(100)).catch(null);

const CancellationType = z
  .enum(['free_cancellation', 'non_refundable', 'partially_refundable', 'special_conditions', 'unknown'])
  .catch('unknown');
const Plan = z
  .enum(['all_inclusive', 'breakfast_included', 'full_board', 'half_board', 'no_plan', 'unknown'])
  .catch('unknown');
export type Plan = z.infer<typeof Plan>;
export const TIMINGS = ['pay_at_the_property', 'pay_online_now', 'pay_online_later'] as const;
const Timing = z.enum([...TIMINGS, 'unknown']).catch('unknown');

const policies = orNull(
  z.object({
    cancellation: orNull(
      z.object({ type: CancellationType, free_cancellation_until: orNull(text(40)).catch(null), schedule }),
    ).catch(null),
    meal_plan: orNull(z.object({ plan: Plan })).catch(null),
    payment: orNull(z.object({ timings: orNull(z.array(Timing).max(20)).catch(null) })).catch(null),
  }),
).catch(null);

const productFields = { id: opaque(300), room: orNull(opaque(60)).catch(null), policies, price };

const SearchProduct = z.object({ ...productFields, number_of_adults: count, children });
export type SearchProduct = z.infer<typeof SearchProduct>;

const SearchEntry = z.object({
  id,
  currency: CurrencyPair,
  price,
  products: orNull(list(SearchProduct, 100)).catch(null),
});
export type SearchEntry = z.infer<typeof SearchEntry>;

const next = orNull(z.object({ next_page: orNull(text(8_192)) })).transform((metadata) => metadata?.next_page ?? null);

/** POST /accommodations/search */
export const SearchAnswer = z.object({ request_id: REQUEST_ID, data: list(SearchEntry, ENTRIES_MAX), metadata: next });

const AvailableProduct = z.object({
  ...productFields,
  number_available: count,
  maximum_occupancy: orNull(z.object({ adults: count, total: count })).catch(null),
});
export type AvailableProduct = z.infer<typeof AvailableProduct>;

const Recommendation = z.object({
  price,
  products: z.array(z.object({ id: opaque(300), number_of_adults: count, children })).max(100),
});

const AvailabilityEntry = z.object({
  id,
  currency: CurrencyPair,
  products: list(AvailableProduct, ENTRIES_MAX),
  recommendation: orNull(Recommendation).catch(null),
});
export type AvailabilityEntry = z.infer<typeof AvailabilityEntry>;

/** POST /accommodations/availability */
export const AvailabilityAnswer = z.object({ request_id: REQUEST_ID, data: list(AvailabilityEntry, ENTRIES_MAX) });

const translated = orNull(z.record(z.string().max(20), z.string().nullable().catch(null))).catch(null);
export type Translated = z.infer<typeof translated>;

const Details = z.object({
  id,
  name: translated,
  rooms: orNull(list(z.object({ id: opaque(60), name: translated }), 500)).catch(null),
});
export type Details = z.infer<typeof Details>;

/** POST /accommodations/details */
export const DetailsAnswer = z.object({ data: list(Details, ENTRIES_MAX) });

const PaymentWay = z.object({
  method_required: orNull(z.boolean()).catch(null),
  methods: orNull(
    z.object({ airplus: orNull(z.boolean()).catch(null), wallet: orNull(z.boolean()).catch(null) }),
  ).catch(null),
});
export type PaymentWay = z.infer<typeof PaymentWay>;
const way = orNull(PaymentWay).catch(null);

const PreviewProduct = z.object({
  id: opaque(300),
  /** Whatever it holds, it says that somebody has no place. */
  occupancy_mismatch: z
    .unknown()
    .optional()
    .transform((value) => value !== null && value !== undefined),
  policies: orNull(z.object({ cancellation: schedule })).catch(null),
});
export type PreviewProduct = z.infer<typeof PreviewProduct>;

/** POST /orders/preview */
export const PreviewAnswer = z.object({
  request_id: REQUEST_ID,
  data: z.object({
    accommodation: z.object({
      id,
      currency: CurrencyPair,
      general_policies: orNull(
        z.object({
          payment: orNull(z.object({ pay_at_the_property: way, pay_online_now: way, pay_online_later: way })).catch(
            null,
          ),
        }),
      ).catch(null),
      price,
      products: z.array(PreviewProduct).max(100),
    }),
    order_token: opaque(16_384),
  }),
});
export type Preview = z.infer<typeof PreviewAnswer>['data'];

const reference = opaque(64);

/** POST /orders/create */
export const CreatedAnswer = z.object({
  request_id: REQUEST_ID,
  data: z.object({
    order: orNull(reference).catch(null),
    accommodation: z.object({ reservation: reference }),
  }),
});

const OrderStatus = z
  .enum(['booked', 'cancelled', 'cancelled_by_guest', 'cancelled_by_accommodation', 'stayed', 'no_show', 'unknown'])
  .catch('unknown');
export type OrderStatus = z.infer<typeof OrderStatus>;

const Order = z.object({
  id: reference,
  status: OrderStatus,
  label: orNull(text(500)).catch(null),
  booker: orNull(z.object({ email: orNull(text(500)).catch(null) })).catch(null),
  accommodations: orNull(z.object({ reservation: orNull(reference).catch(null) })).catch(null),
});
export type Order = z.infer<typeof Order>;

/** POST /orders/details */
export const OrdersAnswer = z.object({ request_id: REQUEST_ID, data: list(Order, ENTRIES_MAX), metadata: next });

/** POST /orders/cancel */
export const CancelledAnswer = z.object({
  request_id: REQUEST_ID,
  data: z.object({ status: z.enum(['successful', 'unknown']).catch('unknown') }),
});

/** POST /common/payments/cards */
export const CardsAnswer = z.object({ data: z.array(z.unknown()).max(ENTRIES_MAX) });

/** Every refusal; only the first error that can be read counts, because the vendor tells one at a time. */
export const ErrorAnswer = z.object({
  request_id: REQUEST_ID,
  errors: list(z.object({ id: written, message: orNull(z.string()).catch(null) }), 100),
});
