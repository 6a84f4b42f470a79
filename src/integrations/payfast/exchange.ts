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
import { OutboundFailure } from '../http.ts';
import { notDone, rateLimited, unanswered, unreadable, withoutSecrets } from '../outcome.ts';
import { timestampOf } from './map.ts';
import { signApi } from './signature.ts';
import { ErrorAnswer, readAnswer, sentenceOf } from './wire.ts';

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
  let response: OutboundResponse;
  try {
    response = await options.send(request, question.call);
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error;
    return unanswered(error, question.effect);
  }
  return judge(response, question, options.clock);
}

function judge<T>(
  response: OutboundResponse,
  { connection, effect, read }: Pick<Question<T>, 'connection' | 'effect' | 'read'>,
  clock: Clock,
): Outcome<T> {
  const { status, body } = response;
  if (status === 429) return rateLimited(response, clock);
  if (status === 401 || status === 403) return notDone('misconfigured', `the credential was refused (${status})`);
  const value = status === 200 || status === 201 ? read(body) : null;
  if (value !== null) return { kind: 'done', value };
  if (status < 300 || status >= 500) {
    const refusal = status < 300 ? refusalOf(body, connection) : null;
    return refusal === null ? unreadable(status, effect) : notDone('rejected', `refused: ${refusal}`);
  }
  const refusal = refusalOf(body, connection);
  if (refusal !== null) return notDone('rejected', `refused (${status}): ${refusal}`);
  // A wrong path or method answers HTML, a wrong host redirects: both are ours to set right.
  const reason = status === 400 || status === 422 ? 'rejected' : 'misconfigured';
  return notDone(reason, `an answer of ${status} without a reason`);
}

function refusalOf(body: string, connection: GatewayConnection): string | null {
  const refusal = readAnswer(ErrorAnswer, body);
  return refusal === null ? null : withoutSecrets(sentenceOf(refusal), connection.credentials);
}

export function answerOf<T>(shape: z.ZodType<T>): (text: string) => T | null {
  return (text) => readAnswer(shape, text);
}

/** The pages' host. Operators write it with or without the slash. */
export function pagesBase(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '');
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
