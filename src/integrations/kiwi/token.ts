import { z } from 'zod';
import type { JsonValue } from '../travel.ts';

/**
 * What travels with an offer between search, check and book. Amounts are minor units as text, because JSON has no
 * bigint; `euroMinor` is what the vendor charges, `totalMinor` what the customer was told in `currencyCode`.
 */
const minor = z.string().regex(/^[1-9]\d{0,15}$/);
const count = z.int().min(0).max(9);

const offerFields = {
  bookingToken: z.string().min(1).max(8_000),
  adults: count,
  children: count,
  currencyCode: z.string().regex(/^[A-Z]{3}$/),
  totalMinor: minor,
  /** The first flight's day where it leaves. */
  departure: z.iso.date(),
  /** Null: not known. */
  expiresAt: z.iso.datetime().nullable(),
};

const OfferToken = z.strictObject({ kind: z.literal('offer'), ...offerFields });

/** The vendor's own, given back as it came. */
const combination = z.custom<{ readonly [key: string]: JsonValue }>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

const bags = z.strictObject({ hold: combination, hand: combination });

const CheckedToken = z.strictObject({
  kind: z.literal('checked'),
  ...offerFields,
  sessionId: z.string().min(1).max(200),
  euroMinor: minor,
  /** 0 none, 1 later, 2 when it is saved. */
  documentNeed: z.int().min(0).max(9),
  /** Who is at least so old on the day of departure is an adult, a child; who is younger is an infant. */
  ages: z.strictObject({ adult: z.int(), child: z.int() }),
  /** What is saved for one who buys no bag; null where none of the kind travels. */
  bags: z.strictObject({ adult: bags.nullable(), child: bags.nullable() }),
});

const Token = z.discriminatedUnion('kind', [OfferToken, CheckedToken]);

export type OfferToken = z.infer<typeof OfferToken>;
export type CheckedToken = z.infer<typeof CheckedToken>;
export type Bags = z.infer<typeof bags>;

/** Null for what this client never made. */
export function readToken(value: JsonValue): OfferToken | CheckedToken | null {
  const parsed = Token.safeParse(value);
  return parsed.success ? parsed.data : null;
}
