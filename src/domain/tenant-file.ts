/**
 * A tenant as a file says it (TEN-11). Every value comes as the text that stands in the file, so that no amount is ever a float. What a
 * file leaves out stays as it is.
 */
import { z } from 'zod';

import { AppError } from '../errors.ts';
import { checkedBookingRules, RULE_NAMES, RULES_UNSET, type BookingRules } from './booking-rules.ts';
import { openMinutesOf } from './business-hours.ts';
import { checkedConfig, FEATURE_KEYS, type FeatureKey } from './feature-flags.ts';
import { isCurrency, ROUNDING_MODES } from './money.ts';
import { ROUNDING_LEVELS } from './order-price.ts';
import { checkSender, type SenderFields } from './mail-sender.ts';
import { readOrigin } from './origin.ts';
import { productOf } from './product.ts';
import { DEFAULT_RESOURCE } from './resource.ts';

const words = (max: number) => z.string().trim().min(1).max(max);
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, { error: 'This is a whole number.', abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, `This is a whole number from ${min} to ${max}.`);
const SWITCH: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  false: false,
  off: false,
  no: false,
};
const flip = z
  .string()
  .refine((text) => Object.hasOwn(SWITCH, text), { error: 'This is on or off.', abort: true })
  .transform((text) => SWITCH[text]!);
/** A check of ours as one of the schema's: its sentence, at its place. */
const checked = (check: (text: string) => unknown, message: string) => (text: string, ctx: z.RefinementCtx) => {
  try {
    if (check(text) === false) ctx.addIssue({ code: 'custom', message });
  } catch {
    ctx.addIssue({ code: 'custom', message });
  }
};
const currency = z.string().refine(isCurrency, 'This is not a currency.');

const tenant = z.strictObject({
  slug: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'A slug has letters a-z, digits and hyphens, 63 at most.'),
  name: words(200),
  domain: z
    .string()
    .regex(
      /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
      'A domain looks like shop.example.com, in lower case.',
    )
    .optional(),
  currencyCode: currency,
  locale: z
    .string()
    .superRefine(checked((text) => Intl.getCanonicalLocales(text).length === 1, 'A locale looks like en or en-ZA.'))
    .optional(),
  timeZone: z
    .string()
    .superRefine(
      checked((text) => new Intl.DateTimeFormat('en', { timeZone: text }), 'A time zone looks like Africa/Cairo.'),
    )
    .optional(),
  taxProfile: z
    .strictObject({
      roundingMode: z.enum(ROUNDING_MODES).optional(),
      roundingLevel: z.enum(ROUNDING_LEVELS).optional(),
      pricesIncludeTax: flip.optional(),
    })
    .optional(),
  legal: z
    .strictObject({
      addressLines: z.array(words(200)).max(6).optional(),
      taxId: words(64).optional(),
      legalText: words(2_000).optional(),
    })
    .optional(),
});

const origin = z.string().transform((text, ctx) => {
  try {
    return readOrigin(text, []);
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});
const portal = z.strictObject({
  origins: z.array(origin).max(100).optional(),
  rateLimitPerMinute: whole(1, 10_000_000).optional(),
  active: flip.optional(),
  returnStockOnExpiry: flip.optional(),
});

const key = z.strictObject({
  mode: z.enum(['LIVE', 'TEST']),
  scopes: z.array(words(40)).default([]),
});

const TIMES = /^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/;
const times = z.string().superRefine((text, ctx) => {
  if (text === 'closed') return;
  if (!TIMES.test(text)) ctx.addIssue({ code: 'custom', message: 'Hours look like 09:00-17:00, or closed.' });
  else if (text.slice(0, 5) >= text.slice(6)) ctx.addIssue({ code: 'custom', message: 'It opens before it closes.' });
});
export const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const isDay = (text: string) => {
  const day = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
};
const hours = z.strictObject({
  ...(Object.fromEntries(DAYS.map((day) => [day, times.optional()])) as Record<
    (typeof DAYS)[number],
    z.ZodOptional<typeof times>
  >),
  exceptions: z.record(z.string().refine(isDay, 'A date looks like 2026-12-25.'), times).optional(),
});

const bookingRules = z
  .strictObject(
    Object.fromEntries(RULE_NAMES.map((name) => [name, whole(0, 10_080).optional()])) as Record<
      keyof BookingRules,
      z.ZodOptional<ReturnType<typeof whole>>
    >,
  )
  .superRefine((rules, ctx) => {
    const given = Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
    // What the file leaves out is as the tenant has it: how the horizons go together is checked again where both are known.
    orIssue(ctx, () => checkedBookingRules({ ...RULES_UNSET, advanceBookingDays: 0, maxAdvanceDays: 3_650, ...given }));
  });

/** Numbers and switches of a config are no texts. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
  if (value === 'true' || value === 'false') return value === 'true';
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
}
const flag = (name: FeatureKey) =>
  z
    .union([
      flip.transform((enabled) => ({ enabled })),
      z.strictObject({ enabled: flip, config: z.unknown().optional() }),
    ])
    .transform((given, ctx) => {
      if (!('config' in given) || given.config === undefined) return { enabled: given.enabled };
      let config: Readonly<Record<string, unknown>> = {};
      orIssue(ctx, () => (config = checkedConfig(name, plain(given.config), ['config'])));
      return { enabled: given.enabled, config };
    });
const features = z.strictObject(
  Object.fromEntries(FEATURE_KEYS.map((name) => [name, flag(name).optional()])) as Record<
    FeatureKey,
    z.ZodOptional<ReturnType<typeof flag>>
  >,
);

/** Which environment variable holds a secret: a secret itself never stands in a file. */
const variable = z.string().regex(/^[A-Z][A-Z0-9_]{1,99}$/, 'Name the environment variable that holds it.');
const gateway = z.strictObject({
  enabled: flip.optional(),
  testMode: flip.optional(),
  amountRule: z.enum(['EQUAL', 'AT_LEAST']).optional(),
  credentials: z.record(z.string(), variable).optional(),
});
const gateways = z.strictObject({
  FAWATERK: gateway.optional(),
  PAYFAST: gateway.optional(),
  PAYU: gateway.optional(),
});

const address = z.string().regex(/^[^\s@<>]+@[^\s@<>]+$/, 'This is not an email address.');
const sender = z
  .strictObject({
    transport: z.enum(['SMTP', 'SES']),
    enabled: flip.optional(),
    from: address.toLowerCase(),
    name: words(100).optional(),
    replyTo: address.optional(),
    smtpHost: words(253).toLowerCase().optional(),
    smtpPort: whole(1, 65_535).optional(),
    sesRegion: words(64).optional(),
    transactionalSet: words(64).optional(),
    marketingSet: words(64).optional(),
    topicArn: words(400).optional(),
    credentials: z.record(z.string(), variable).optional(),
  })
  // Whether a server is public is asked where it is kept: a file may be written for an installation that is not in production.
  .superRefine((fields, ctx) => orIssue(ctx, () => checkSender(senderFields(fields), false), SENDER_NAMES));
const SENDER_NAMES: Readonly<Record<string, string>> = { fromAddress: 'from', fromName: 'name' };

/** A sender as the verb takes it. @param sender of a file, or as a file would say the one that is kept */
export function senderFields(sender: Omit<NonNullable<TenantFile['sender']>, 'credentials'>): SenderFields {
  const { from: fromAddress, name: fromName, ...rest } = sender;
  return { ...rest, fromAddress, fromName };
}

/** People to try the shop with. */
const customer = z.strictObject({
  email: address,
  firstName: words(200).optional(),
  lastName: words(200).optional(),
  password: variable,
});

const PRICE = /^(\d{1,15}(?:\.\d{1,3})?) ([A-Z]{3})$/;
const product = z
  .strictObject({
    name: z.string().trim(),
    /** An empty one takes it away. */
    description: z
      .string()
      .trim()
      .transform((text) => (text === '' ? null : text))
      .optional(),
    price: z
      .string()
      .regex(PRICE, { error: 'A price looks like 1500.00 ZAR.', abort: true })
      .transform((text) => {
        const [, amount = '', currencyCode = ''] = PRICE.exec(text) ?? [];
        return { amount, currencyCode };
      }),
    taxRate: z.string().optional(),
    category: z.string(),
    active: flip.optional(),
    /** How many there are when the product is made; afterwards sales decide. */
    stock: whole(0, 1_000_000_000).optional(),
    images: z.array(z.string()).optional(),
    bookable: flip.optional(),
    durationMinutes: whole(0, 10_000).optional(),
    bufferMinutes: whole(0, 10_000).optional(),
    capacity: whole(0, 10_000).optional(),
  })
  .superRefine((fields, ctx) => orIssue(ctx, () => productOf(null, fields, [])));

const code = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'This is no code.');
/** Who or what does services. */
const resource = z.strictObject({
  name: words(200),
  capacity: whole(1, 1_000).optional(),
  active: flip.optional(),
  /** Codes of products. */
  services: z.array(code).max(500).optional(),
});

/** An appointment to try the shop with. */
const testBooking = z.strictObject({ customer: address, service: code });

const FILE = z.strictObject({
  tenant,
  portal: portal.optional(),
  keys: z.array(key).max(20).optional(),
  hours: hours.optional(),
  bookingRules: bookingRules.optional(),
  features: features.optional(),
  gateways: gateways.optional(),
  sender: sender.optional(),
  customers: z.array(customer).max(20).optional(),
  products: z.record(code, product).optional(),
  resources: z
    .record(
      code.refine(
        (text) => text !== DEFAULT_RESOURCE,
        'This is the diary’s own: it does the services that name nobody.',
      ),
      resource,
    )
    .optional(),
  testBooking: testBooking.optional(),
});

export const TENANT_FILE = FILE.superRefine(({ customers = [], keys = [], testBooking: wanted }, ctx) => {
  const refuse = (path: string[], message: string) =>
    ctx.addIssue({ code: 'custom', path: ['testBooking', ...path], message });
  if (!wanted) return;
  // Whoever is really a customer is never booked for.
  if (!customers.some(({ email }) => email === wanted.customer))
    refuse(['customer'], 'Name one of the customers here.');
  if (keys.some(({ mode }) => mode === 'LIVE')) refuse([], 'A tenant with live keys takes no time for a test.');
});
export type TenantFile = z.infer<typeof TENANT_FILE>;

/** What our own rules refuse is a fault of the file, at the place they name. @param names of fields that a file calls otherwise */
function orIssue(ctx: z.RefinementCtx, work: () => unknown, names: Readonly<Record<string, string>> = {}): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const path = (error.field ?? []).filter((name) => name !== 'input');
    ctx.addIssue({ code: 'custom', message: error.message, path: path.map((name) => names[name] ?? name) });
  }
}

/** Hours as verbs take them. @param text such as 09:00-17:00, or closed */
export function givenHours(text: string): { open: string; close: string } | { closed: true } {
  const given = text === 'closed' ? ({ closed: true } as const) : { open: text.slice(0, 5), close: text.slice(6) };
  openMinutesOf(given, []);
  return given;
}

/** One thing that would change. */
export interface Difference {
  readonly path: readonly string[];
  /** Undefined: it is not there. */
  readonly before: unknown;
  readonly after: unknown;
}

/** What of `wanted` is otherwise in `state`; what is not wanted makes no difference. Lists are one thing. */
export function differences(state: unknown, wanted: unknown, path: readonly string[] = []): Difference[] {
  if (wanted === undefined) return [];
  if (isObject(wanted) && isObject(state))
    return Object.entries(wanted).flatMap(([name, inner]) =>
      differences(Object.hasOwn(state, name) ? state[name] : undefined, inner, [...path, name]),
    );
  return isSame(state, wanted) ? [] : [{ path, before: state, after: wanted }];
}

/** Of a text, what stands around it makes no difference, nor whether an empty one is there. */
function isSame(state: unknown, wanted: unknown): boolean {
  if (typeof wanted === 'string' && (typeof state === 'string' || state === undefined))
    return (state ?? '').trim() === wanted.trim();
  return JSON.stringify(state) === JSON.stringify(wanted);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
