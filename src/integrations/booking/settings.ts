import { z } from 'zod';
import type { ProviderConnection, ProviderSetting } from '../travel.ts';

/** What an operator may decide, and what the vendor's documents leave open. All of it has a default that works. */
const CHOICES = {
  paymentTiming: ['pay_at_the_property', 'pay_online_now', 'pay_online_later'],
  paymentMethod: ['none', 'airplus', 'wallet'],
  platform: ['desktop', 'mobile', 'tablet', 'android', 'ios'],
  onlyWithoutCard: ['true', 'false'],
  excessDecimals: ['refuse', 'up'],
} as const;

export const BOOKING_SETTINGS: readonly ProviderSetting[] = [
  {
    name: 'paymentTiming',
    default: 'pay_at_the_property',
    description:
      'When a stay is paid: pay_at_the_property (the property collects from the guest), pay_online_now or pay_online_later (the affiliate pays Booking.com by paymentMethod). Whoever charges travellers here must not leave it at the property.',
  },
  {
    name: 'paymentMethod',
    default: 'none',
    description:
      'How the affiliate pays or guarantees: none, wallet, or airplus (needs the credential AIRPLUS_NUMBER). Cards are never handled, so a property that asks for one cannot be booked with none.',
  },
  {
    name: 'onlyWithoutCard',
    default: 'true',
    description:
      'With paymentMethod none, true asks a search for properties that take a booking without a card (filters.payment.credit_card_required). The filter stands in the interface description only; false leaves it out.',
  },
  {
    name: 'platform',
    default: 'desktop',
    description: 'The device told where the traveller has none that we know: desktop, mobile, tablet, android or ios.',
  },
  {
    name: 'phone',
    default: '',
    description:
      'The telephone number told where the customer gave none; Booking.com takes no order without one. Empty: such a booking is refused.',
  },
  {
    name: 'addressLine',
    default: '',
    description:
      'Street of the address told for the booker, such as the agency. Some properties take no order without a whole address; which ones is not told in a search.',
  },
  { name: 'addressCity', default: '', description: 'City of that address.' },
  { name: 'addressPostCode', default: '', description: 'Post code of that address.' },
  {
    name: 'excessDecimals',
    default: 'refuse',
    description:
      'Amounts with more decimals than their currency has (the documents call every amount a multiple of 0.01, yen included, and name no rounding): refuse leaves such an offer out, up rounds up to the next unit.',
  },
  {
    name: 'sandboxProperties',
    default: '10507360',
    description:
      "Ids of the sandbox's mock properties, separated by commas: asking for them in production is an error, so they are refused there.",
  },
];

const TEXT_MAX = 200;
const plain = z
  .string()
  .max(TEXT_MAX)
  .regex(/^[^\p{Cc}]*$/u)
  .transform((value) => value.trim());

const Settings = z.object({
  paymentTiming: z.enum(CHOICES.paymentTiming),
  paymentMethod: z.enum(CHOICES.paymentMethod),
  onlyWithoutCard: z.enum(CHOICES.onlyWithoutCard).transform((value) => value === 'true'),
  platform: z.enum(CHOICES.platform),
  phone: plain,
  addressLine: plain,
  addressCity: plain,
  addressPostCode: plain,
  excessDecimals: z.enum(CHOICES.excessDecimals),
  sandboxProperties: z
    .string()
    .max(2_000)
    .regex(/^[\d,\s]*$/)
    .transform((value): readonly string[] => value.split(/[\s,]+/).filter((one) => one !== '')),
});

export type BookingSettings = z.infer<typeof Settings>;

const DEFAULTS = Object.fromEntries(BOOKING_SETTINGS.map((setting) => [setting.name, setting.default]));

/** The settings with their defaults, or the name of the one that cannot be read. */
export function readSettings({ settings }: ProviderConnection): BookingSettings | { readonly refused: string } {
  const parsed = Settings.safeParse({ ...DEFAULTS, ...settings });
  if (parsed.success) return parsed.data;
  return { refused: `the setting ${String(parsed.error.issues[0]?.path[0] ?? '')} cannot be read` };
}
