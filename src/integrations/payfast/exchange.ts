import type { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type {
  GatewayConnection,
  OutboundCall,
  OutboundRequest,
  OutboundResponse,
  OutboundSend,
  Outcome,
  PaymentForm,
} from '../contract.ts';
import { ask, unsuccessful } from '../ask.ts';
import { pagesBase } from '../by-form.ts';
import { readAnswer } from '../json.ts';
import { notDone, withoutSecrets } from '../outcome.ts';
import { timestampOf } from './map.ts';
import { signApi } from './signature.ts';
import { ErrorAnswer, sentenceOf } from './wire.ts';

/** One request to PayFast and what its answer means (payment-gateways.md 2.2, 2.6). */
export interface PayfastOptions {
  /** Already watched for rate limits (policy.ts). */
  readonly send: OutboundSend;
  readonly clock: Clock;
}

export interface Question<T> {
  readonly connection: GatewayConnection;
  readonly call: OutboundCall;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, string | number>>;
  /** Whether the call may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  /** @returns null where the text is no such answer. */
  readonly read: (text: string) => T | null;
}

/** An API call under its signature. The passphrase is needed for every one of them. */
export async function askApi<T>(options: PayfastOptions, question: Question<T>): Promise<Outcome<T>> {
  const { connection, query = {}, body } = question;
  const merchantId = connection.credentials['MERCHANT_ID'] ?? '';
  const passphrase = connection.credentials['PASSPHRASE'] ?? '';
  if (!/^\d{1,20}$/.test(merchantId)) return notDone('misconfigured', 'MERCHANT_ID is missing or no number');
  if (passphrase === '') return notDone('misconfigured', 'PASSPHRASE is missing');
  const headers = { 'merchant-id': merchantId, version: 'v1', timestamp: timestampOf(options.clock.now()) };
  const written = Object.fromEntries(Object.entries(body ?? {}).map(([name, value]) => [name, String(value)]));
  const signature = signApi({ ...headers, ...query, ...written }, passphrase);
  // `testing` chooses the sandbox and is the only variable that is not signed.
  const search = new URLSearchParams({ ...query, ...(connection.testMode && { testing: 'true' }) }).toString();
  return exchange(options, question, {
    method: question.method,
    url: `${apiBase(connection.baseUrl)}${question.path}${search === '' ? '' : `?${search}`}`,
    headers: { ...headers, signature, accept: '*/*', ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Sends a request and judges what comes back. */
export async function exchange<T>(
  options: PayfastOptions,
  question: Pick<Question<T>, 'connection' | 'call' | 'effect' | 'read'>,
  request: OutboundRequest,
): Promise<Outcome<T>> {
  return ask(options.send, request, { ...question, judge: (response) => judge(response, question, options.clock) });
}

function judge<T>(
  response: OutboundResponse,
  { connection, effect, read }: Pick<Question<T>, 'connection' | 'effect' | 'read'>,
  clock: Clock,
): Outcome<T> {
  const { status, body } = response;
  const value = status === 200 || status === 201 ? read(body) : null;
  if (value !== null) return { kind: 'done', value };
  return unsuccessful(response, { effect, clock, refusal: refusalOf(body, connection) });
}

function refusalOf(body: string, connection: GatewayConnection): string | null {
  const refusal = readAnswer(ErrorAnswer, body);
  return refusal === null ? null : withoutSecrets(sentenceOf(refusal), connection.credentials);
}

export function answerOf<T>(shape: z.ZodType<T>): (text: string) => T | null {
  return (text) => readAnswer(shape, text);
}

/** Where the browser posts the form, and where the vendor may send it on to: its hosted page has moved between its own domains. */
export function checkoutOf(baseUrl: string): Pick<PaymentForm, 'action' | 'redirectOrigins'> {
  const action = `${pagesBase(baseUrl)}/eng/process`;
  return isVendors(baseUrl)
    ? { action, redirectOrigins: ['https://*.payfast.co.za', 'https://*.payfast.io'] }
    : { action };
}

/** The vendor's API has a host of its own, the same for live and sandbox; anything else serves both. */
function apiBase(baseUrl: string): string {
  return isVendors(baseUrl) ? 'https://api.payfast.co.za' : pagesBase(baseUrl);
}

function isVendors(baseUrl: string): boolean {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return host === 'payfast.co.za' || host.endsWith('.payfast.co.za');
}
