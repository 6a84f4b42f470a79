import { isIP } from 'node:net';
import type { Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { ProviderConnection, Traveller } from '../travel.ts';
import { settingOf } from './settings.ts';

/** A connection that may be used as it is: where it leads, what it signs with, what it may pretend. */
export interface Profile {
  readonly connection: ProviderConnection;
  readonly apiKey: string;
  readonly secret: string;
  /** Scheme and host: links of the vendor are followed within it and nowhere else. */
  readonly origin: string;
  /** Of the operations that are asked for by path, without a slash at the end. */
  readonly base: string;
  readonly testHeaders: ReadonlyMap<TestedCall, string>;
}

/** Calls that have stubs (travel-providers.md 1.12). */
export type TestedCall = 'shop' | 'check' | 'book' | 'retrieve' | 'resume' | 'cancel';

const TEST_HOST = 'test.ean.com';
const TESTED: readonly TestedCall[] = ['shop', 'check', 'book', 'retrieve', 'resume', 'cancel'];
/** A comma would start another part of the header. */
const CREDENTIAL = /^[\x21-\x2b\x2d-\x7e]{1,200}$/;

/** What a connection is fit for, or why nothing is sent through it (travel-providers.md 1.2, 1.12). */
export function profileOf(connection: ProviderConnection): Profile | Outcome<never> {
  const { API_KEY: apiKey = '', SECRET: secret = '' } = connection.credentials;
  if (!CREDENTIAL.test(apiKey)) return notDone('misconfigured', 'API_KEY is missing or unusable');
  if (!CREDENTIAL.test(secret)) return notDone('misconfigured', 'SECRET is missing or unusable');
  const url = URL.parse(connection.baseUrl);
  if (url === null || url.username !== '' || url.password !== '') {
    return notDone('misconfigured', 'the base URL is no address');
  }
  const testHeaders = readTestHeaders(settingOf(connection, 'TEST_HEADERS'));
  const refused = testHeaders === null ? 'TEST_HEADERS is no list of call=value' : refusalOf(connection, url);
  if (testHeaders === null || refused !== null) return notDone('misconfigured', refused ?? '');
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  return { connection, apiKey, secret, origin: url.origin, base, testHeaders };
}

/**
 * A booking in a sandbox must never be live and one in production never a mock: customers would pay for either. Where
 * the Test header is wrong the vendor books for real, so it is no part of a production connection at all.
 */
function refusalOf(connection: ProviderConnection, url: URL): string | null {
  const isHere = isLoopback(url.hostname);
  if (!isHere && url.protocol !== 'https:') return 'the vendor is spoken to by https only';
  if (connection.mode === 'SANDBOX') {
    return isHere || url.hostname === TEST_HOST ? null : 'a sandbox leads to the test host only';
  }
  if (url.hostname === TEST_HOST) return 'production leads to the test host, where nothing is really booked';
  return settingOf(connection, 'TEST_HEADERS') === '' ? null : 'TEST_HEADERS is set for production';
}

function readTestHeaders(text: string): ReadonlyMap<TestedCall, string> | null {
  const headers = new Map<TestedCall, string>();
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [, name = '', value = ''] = /^\s*(\w+)\s*=\s*([a-z_]{1,60})\s*$/.exec(part) ?? [];
    const call = TESTED.find((one) => one === name);
    if (call === undefined) return null;
    headers.set(call, value);
  }
  return headers;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** What any header may hold: a traveller's browser may send line ends to write headers of its own. */
function plain(text: string | null, lengthMax: number): string {
  return (text ?? '')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, lengthMax);
}

const APPLICATION = 'Portolan/1.0';

/**
 * The headers that tell of the traveller (travel-providers.md 1.4).
 * @param ipNeeded calls about bookings must name an address
 */
export function travellerHeaders(
  { connection }: Profile,
  traveller: Traveller | null,
  ipNeeded: boolean,
): Readonly<Record<string, string>> {
  const session = plain(traveller?.sessionId ?? null, 100);
  const ip = ipOf(traveller?.ip ?? null) ?? (ipNeeded ? ipOf(settingOf(connection, 'CUSTOMER_IP')) : null);
  return {
    'user-agent': plain(traveller?.userAgent ?? null, 300) || APPLICATION,
    ...(ip !== null && { 'customer-ip': ip }),
    ...(session !== '' && { 'customer-session-id': session }),
  };
}

/** An IPv4 address that came over an IPv6 socket is the IPv4 address. */
function ipOf(text: string | null): string | null {
  const address = (text ?? '').trim().replace(/^::ffff:(?=\d{1,3}\.)/i, '');
  return isIP(address) === 0 ? null : address;
}

/** The vendor's spelling of the traveller's language, `xx-XX`. */
export function languageOf({ connection }: Profile, traveller: Pick<Traveller, 'locale'> | null): string {
  const languages = settingOf(connection, 'LANGUAGES')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => /^[a-z]{2}-[A-Z]{2}$/.test(one));
  const [language = '', region = ''] = (traveller?.locale ?? '').split(/[-_]/);
  const wanted = `${language.toLowerCase()}-${region.toUpperCase()}`;
  const sameLanguage = languages.find((one) => one.startsWith(wanted.slice(0, 3)));
  return languages.find((one) => one === wanted) ?? sameLanguage ?? languages[0] ?? 'en-US';
}

/**
 * Where a link of the vendor's leads: relative ones and its own absolute ones. Null for every other place: following
 * it would hand our credentials to whoever wrote it.
 */
export function followed({ origin }: Profile, href: string): string | null {
  const url = URL.parse(href, origin);
  const isOwn = url !== null && url.origin === origin && url.username === '' && url.password === '';
  return isOwn ? `${url.origin}${url.pathname}${url.search}` : null;
}
