import { z } from 'zod';

/**
 * Fawaterk's answers as they come (payment-gateways.md 1.2-1.4). Numbers and strings swap freely there, so both are
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

/** A refusal: `message` is a sentence or lists of sentences by field. */
export const ErrorAnswer = z.object({
  status: z.literal('error'),
  message: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
});

/** @returns null where the text is no JSON of that shape: the caller decides what an unreadable answer means. */
export function readAnswer<T>(shape: z.ZodType<T>, body: string): T | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  const parsed = shape.safeParse(value);
  return parsed.success ? parsed.data : null;
}
