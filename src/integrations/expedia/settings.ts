import type { ProviderConnection, ProviderSetting } from '../travel.ts';

/** What Rapid's documents leave open or agree with each partner (travel-providers.md 1.4, 1.5, 1.11, 1.12, 1.14, 5.3). */
export const EXPEDIA_SETTINGS = [
  {
    name: 'SALES_CHANNEL',
    default: 'website',
    description: 'website, agent_tool, mobile_app, mobile_web, meta; cache where prices are kept for later searches.',
  },
  { name: 'SALES_ENVIRONMENT', default: 'hotel_only', description: 'hotel_only, hotel_package or loyalty.' },
  {
    name: 'PROPERTIES_MAX',
    default: '500',
    description: 'The most properties of a place that one search asks for, 1 to 2500. They are asked by at most 250.',
  },
  {
    name: 'REGION_PROPERTIES',
    default: 'property_ids',
    description: 'property_ids_expanded takes those around a place, too, where few are in it.',
  },
  {
    name: 'LANGUAGES',
    default:
      'en-US,ar-SA,cs-CZ,da-DK,de-DE,el-GR,es-ES,es-MX,fi-FI,fr-CA,fr-FR,hr-HR,hu-HU,id-ID,is-IS,it-IT,ja-JP,ko-KR,' +
      'lt-LT,ms-MY,nb-NO,nl-NL,pl-PL,pt-BR,pt-PT,ru-RU,sk-SK,sv-SE,th-TH,tr-TR,uk-UA,vi-VN,zh-CN,zh-HK,zh-TW',
    description: 'What the vendor writes in, as its language options list it; others are asked for in the first one.',
  },
  { name: 'BILLING_TERMS', default: '', description: 'As the vendor handed it out; empty: not sent.' },
  { name: 'PAYMENT_TERMS', default: '', description: 'As the vendor handed it out; empty: not sent.' },
  { name: 'PARTNER_POINT_OF_SALE', default: '', description: 'As the vendor handed it out; empty: not sent.' },
  { name: 'PLATFORM_NAME', default: '', description: 'As the vendor handed it out; empty: not sent.' },
  {
    name: 'BILLING_LINE_1',
    default: '',
    description: 'Who the vendor bills is us, not the traveller: street and number. Needed in production.',
  },
  { name: 'BILLING_CITY', default: '', description: 'City of the billing address.' },
  { name: 'BILLING_STATE', default: '', description: 'State or province code; needed in AU, CA and US.' },
  { name: 'BILLING_POSTAL_CODE', default: '', description: 'Needed in CA, GB and US.' },
  { name: 'BILLING_COUNTRY', default: '', description: 'ISO 3166-1 alpha-2; needed in production.' },
  {
    name: 'CUSTOMER_IP',
    default: '192.0.2.1',
    description:
      "Customer-Ip of calls about bookings where no traveller's address is known (jobs). The vendor requires one and " +
      'forbids that of a server; the default is an address of documentation. Agree on it with the vendor.',
  },
  {
    name: 'HOLD_MINUTES',
    default: '',
    description: 'How long a hold lasts, which the documents leave open; empty: not known.',
  },
  {
    name: 'TEST_HEADERS',
    default: '',
    description:
      'Stubbed answers of the vendor for a sandbox, such as shop=standard,check=available,book=standard; further: ' +
      'retrieve, resume, cancel. Refused in production, where a call with a wrong one would be live.',
  },
  {
    name: 'NOTIFICATION_SECRET_IN',
    default: 'query:key',
    description:
      'Where notifications carry NOTIFICATION_SECRET: query:<name> of the address registered with the vendor, or ' +
      'header:<name>. How the vendor authenticates is not documented.',
  },
] as const satisfies readonly ProviderSetting[];

export type SettingName = (typeof EXPEDIA_SETTINGS)[number]['name'];

const DEFAULTS: ReadonlyMap<string, string> = new Map(EXPEDIA_SETTINGS.map((one) => [one.name, one.default]));

export function settingOf({ settings }: ProviderConnection, name: SettingName): string {
  return (settings[name] ?? DEFAULTS.get(name) ?? '').trim();
}

/** A whole number within bounds; what is none of it is the default. */
export function numberSettingOf(
  connection: ProviderConnection,
  name: SettingName,
  { min, max }: { readonly min: number; readonly max: number },
): number | null {
  for (const text of [settingOf(connection, name), DEFAULTS.get(name) ?? '']) {
    if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  }
  return null;
}
