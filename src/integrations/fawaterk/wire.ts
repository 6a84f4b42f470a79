import { z } from 'zod';

/**
 * Fawaterk's answers as they come (payment-gateways.md 1.1-1.4). Numbers and strings swap freely there, so both are
 * taken and become text; fields an SDK did not show are optional; unknown fields are dropped.
 */
const text = z.union([z.string(), z.number()]).transform(String);
const wholeNumber = text.pipe(z.string().regex(/^\d{1,15}$/));
const optionalText = text.nullish().transform((value) => value ?? null);

export const MethodsAnswer = z.object({
  status: z.literal('success'),
  data: z
    .array(
      z.object({
        paymentId: wholeNumber,
        name_en: z.string().min(1).max(200),
        name_ar: z.string().max(200).nullish(),
        redirect: z.union([z.boolean(), text]),
        logo: z.string().max(2_000).nullish(),
      }),
    )
    .max(200),
});

export const InitiatedAnswer = z.object({
  status: z.literal('success'),
  data: z.object({
    invoice_id: wholeNumber,
    invoice_key: text.pipe(z.string().min(1).max(200)),
    payment_data: z
      .object({
        redirectTo: optionalText,
        fawryCode: optionalText,
        expireDate: optionalText,
        meezaReference: optionalText,
        amanCode: optionalText,
        masaryCode: optionalText,
      })
      .nullish(),
  }),
});

export const InvoiceAnswer = z.object({
  status: z.literal('success'),
  data: z.object({
    invoice_id: wholeNumber,
    invoice_key: optionalText,
    /** The only field that decides: 1 is paid, 0 is not (payment-gateways.md 1.4). */
    paid: z.union([z.boolean().transform((value) => (value ? '1' : '0')), text]).pipe(z.enum(['0', '1'])),
    total: optionalText,
    currency: optionalText,
    paidAmount: optionalText,
    paidCurrency: optionalText,
    payment_method: optionalText,
    invoice_status: optionalText,
    status_text: optionalText,
    paid_at: optionalText,
    pay_load: z.unknown().optional(),
  }),
});

/** POST /oauth/token: the lifetime in seconds. */
export const TokenAnswer = z.object({
  access_token: z
    .string()
    .max(8_192)
    .regex(/^[\x21-\x7e]+$/),
  expires_in: z
    .union([z.string(), z.number()])
    .nullish()
    .transform((value) => Number(value ?? 3_600))
    .pipe(z.int().min(0).max(10_000_000_000)),
});

export const RefundReasonsAnswer = z.object({
  status: z.literal('success'),
  data: z.array(z.string().min(1).max(200)).min(1).max(100),
});

/** POST /api/v3/refund/create: it names no id. */
export const RefundCreatedAnswer = z.object({ status: z.literal('success') });

/** A field that cannot be read is null: one bad entry must not hide the others. */
const lenientText = optionalText.catch(null);
const lenientId = wholeNumber.nullable().catch(null);

const refundFields = {
  refundable_amount: lenientText,
  status: lenientText,
  reason: lenientText,
  /** Not documented in answers; read where it is there. */
  comment: lenientText.default(null),
};

const refundEntry = z.object({
  id: lenientId,
  refundable_type: lenientText,
  refundable_id: lenientId,
  created_at: lenientText,
  ...refundFields,
});

const UNREADABLE_ENTRY: z.infer<typeof refundEntry> = {
  id: null,
  refundable_type: null,
  refundable_id: null,
  created_at: null,
  refundable_amount: null,
  status: null,
  reason: null,
  comment: null,
};

export type RefundEntry = z.infer<typeof refundEntry>;

const count = z.union([z.string(), z.number()]).transform(Number).pipe(z.int().min(0).max(1_000_000_000));

/** One page of POST /api/v3/refund/index: a paginator without the usual envelope, which is opened where it is there. */
export const RefundPageAnswer = z.preprocess(
  (value) => (isRecord(value) && !('current_page' in value) && isRecord(value['data']) ? value['data'] : value),
  z.object({
    current_page: count,
    last_page: count,
    total: count.nullish().transform((value) => value ?? null),
    data: z.array(refundEntry.catch(UNREADABLE_ENTRY)).max(200),
  }),
);

/** GET /api/v3/refund/details/{id}: the refund itself, nothing where there is none. */
export const RefundDetailsAnswer = z.preprocess(
  (value) => ({ refund: isEmpty(value) ? null : value }),
  z.object({ refund: z.object({ id: wholeNumber, ...refundFields }).nullable() }),
);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** A refusal: `message` is a sentence or lists of sentences by field. */
export const ErrorAnswer = z.object({
  status: z.literal('error'),
  message: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
});
