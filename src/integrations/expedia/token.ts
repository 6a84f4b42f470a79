import { z } from 'zod';
import type { JsonValue } from '../travel.ts';
import type { Terms } from './money.ts';

/**
 * What of an offer later calls need, as the layers above keep it for us. Links are the vendor's own words and stay as
 * they came; they are judged when they are followed.
 */
const Penalty = z.object({
  start: z.string(),
  currency: z.string().nullable(),
  amount: z.string().nullable(),
  nights: z.string().nullable(),
  percent: z.string().nullable(),
});

const Token = z.object({
  v: z.literal(1),
  /** The price check's link, of the search or of the check before. */
  check: z.string().min(1),
  /** Occupancies as they were sent, one for each room. */
  rooms: z.array(z.string().min(1)).min(1).max(8),
  /** The whole price as it was last told, minor units. */
  total: z.string().regex(/^\d{1,16}$/),
  /** Of it, what is not paid at the property. */
  inclusive: z.string().regex(/^\d{1,16}$/),
  currency: z.string().regex(/^[A-Z]{3}$/),
  refundable: z.boolean(),
  penalties: z.array(Penalty).nullable(),
  /** Where it was checked: what books it at that price, and until when. */
  book: z.object({ href: z.string().min(1), expires: z.string().nullable() }).optional(),
});

export type Token = z.infer<typeof Token>;

export function writeToken(token: Token): JsonValue {
  const { book, ...rest } = token;
  return { ...rest, ...(book && { book }) };
}

/** Null for what is none of ours. */
export function readToken(value: JsonValue): Token | null {
  const parsed = Token.safeParse(value);
  return parsed.success ? parsed.data : null;
}

export function termsOf({ refundable, penalties }: Token): Terms {
  return { refundable, penalties };
}

/** Keys of a booking: a hold's own links, because it may not be shown yet when it has to be confirmed. */
const Keys = z.object({ resume: z.string().min(1).nullable(), cancel: z.string().min(1).nullable() });

export type Keys = z.infer<typeof Keys>;

export function readKeys(value: JsonValue): Keys {
  const parsed = Keys.safeParse(value);
  return parsed.success ? parsed.data : { resume: null, cancel: null };
}
