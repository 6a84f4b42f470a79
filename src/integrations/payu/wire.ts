import { z } from 'zod';

/**
 * PayU's answers as they come (payment-gateways.md 3.5), read with numbers as they were written: the same field is
 * text in one sample and a number in the next, and mihpayid is larger than any number here may be. Blanks around
 * values occur; unknown fields are dropped.
 */
const text = z
  .string()
  .max(2_000)
  .transform((value) => value.trim());

/** Empty where it is missing, null or no text: it decides nothing by itself. */
const perhaps = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' ? value.trim().slice(0, 2_000) : ''));

export const CommandAnswer = z.object({
  /** 1 where the command was done. */
  status: text.pipe(z.string().regex(/^-?\d{1,3}$/)),
  msg: perhaps,
  error_code: perhaps,
  request_id: perhaps,
  /** The same for the cancellation of a payment that was authorised only. */
  txn_update_id: perhaps,
  mihpayid: perhaps,
  transaction_details: z.unknown().optional(),
});

/** One transaction in verify_payment. */
export const PaymentDetail = z.object({
  status: text,
  unmappedstatus: perhaps,
  mihpayid: perhaps,
  txnid: perhaps,
  transaction_amount: perhaps,
  amt: perhaps,
  addedon: perhaps,
  mode: perhaps,
});

/** One capture, cancellation or refund in check_action_status. */
export const ActionDetail = z.object({
  status: text,
  request_id: perhaps,
  token: perhaps,
  amt: perhaps,
  action: perhaps,
});

/** The refund callback: JSON without a hash. */
export const RefundCallback = z.object({
  action: text,
  status: text.pipe(z.string().regex(/^[A-Za-z_ ]{1,40}$/)),
  key: text,
  merchantTxnId: perhaps,
  request_id: text.pipe(z.string().regex(/^\d{1,20}$/)),
  amt: text,
  remark: perhaps,
});

/** A property that an answer itself has, and nothing that every object has. */
export function entryOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
