import { z } from 'zod';
import type { JsonValue } from '../travel.ts';
import { TIMINGS } from './wire.ts';

/** What travels in an offer's token: everything a preview needs, and after it what an order needs. */
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);
const id = z.string().regex(/^\d{1,15}$/);
const opaque = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    .regex(/^[\x21-\x7e]+$/);

const RoomProduct = z.object({
  id: opaque(300),
  adults: z.int().min(1).max(100),
  childAges: z.array(z.int().min(0).max(17)).max(100),
});
/** One room: the vendor's product and who sleeps in it. In the order of the rooms asked for. */
export type RoomProduct = z.infer<typeof RoomProduct>;

const Offer = z.object({
  v: z.literal(1),
  property: id,
  checkIn: day,
  checkOut: day,
  /** As told in the search: prices depend on them, so a preview tells the same. */
  country: z.string().regex(/^[a-z]{2}$/),
  platform: z.string().regex(/^[a-z]{1,20}$/),
  currency: z.string().regex(/^[A-Z]{3}$/),
  totalMinor: z.string().regex(/^\d{1,16}$/),
  rooms: z.array(RoomProduct).min(1).max(100),
  /** Only after a preview. */
  order: z
    .object({
      token: opaque(16_384),
      expiresAt: z.iso.datetime(),
      timing: z.enum(TIMINGS),
      method: z.enum(['airplus', 'wallet']).nullable(),
    })
    .optional(),
});
export type Offer = z.infer<typeof Offer>;
export type PreviewedOrder = NonNullable<Offer['order']>;

export function toToken(offer: Offer): JsonValue {
  return JSON.parse(JSON.stringify(offer)) as JsonValue;
}

/** Null for what this client did not make. */
export function readToken(token: JsonValue): Offer | null {
  const parsed = Offer.safeParse(token);
  return parsed.success ? parsed.data : null;
}

const Keys = z.object({ order: opaque(64).nullable(), reservation: opaque(64) });
/** The order is asked for, the reservation is cancelled: both are needed (travel-providers.md 2.4). */
export type BookingKeys = z.infer<typeof Keys>;

export function readKeys(keys: JsonValue): BookingKeys | null {
  const parsed = Keys.safeParse(keys);
  return parsed.success ? parsed.data : null;
}
