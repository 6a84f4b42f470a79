import { z } from 'zod';

/**
 * PayFast's API answers as they come (payment-gateways.md 2.2, 2.9): booleans, the text "true", integers and objects
 * share `data.response`; amounts are cents as number or text; unknown fields are dropped.
 */
const cents = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(/^-?\d{1,15}$/))
  .transform(BigInt);

const Envelope = z.object({ data: z.object({ response: z.unknown() }) });

/** Where an object is documented both bare and in the usual envelope, both are taken. */
function opened<T extends z.ZodType>(shape: T) {
  return z.preprocess((value) => {
    const enveloped = Envelope.safeParse(value);
    return enveloped.success ? enveloped.data.data.response : value;
  }, shape);
}

const RefundMethod = z.object({ method: z.string().max(60) });

/** GET /refunds/query/{pf_payment_id} */
export const RefundOptionsAnswer = opened(
  z.object({
    amount_original: cents,
    amount_available_for_refund: cents,
    status: z.string().max(60),
    errors: z.array(z.string()).nullish(),
    refund_full: RefundMethod.nullish(),
    refund_partial: RefundMethod.nullish(),
  }),
);

/** GET /refunds/{pf_payment_id}: what was received (positive) and what was given back (negative). */
export const RefundsAnswer = opened(
  z.object({
    available_balance: cents,
    transactions: z.array(z.object({ amount: cents, type: z.string().max(200) })).max(1_000),
  }),
);

/** POST /refunds/{pf_payment_id} */
export const RefundCreatedAnswer = z.object({
  status: z.literal('success'),
  data: z.object({ response: z.union([z.literal(true), z.literal('true')]) }),
});

/** A refusal in the usual envelope; it may come with HTTP 200. */
export const ErrorAnswer = z.object({
  status: z.string().refine((status) => status !== 'success'),
  data: z.object({ message: z.unknown().optional() }).optional(),
  message: z.unknown().optional(),
});

/** The vendor's sentence; its place differs between answers. */
export function sentenceOf(answer: z.infer<typeof ErrorAnswer>): string {
  const said = answer.data?.message ?? answer.message;
  return typeof said === 'string' ? said : 'no reason given';
}
