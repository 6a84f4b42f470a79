import { transmit, unsuccessful } from '../ask.ts';
import type { OutboundCall, OutboundRequest, OutboundResponse, Outcome } from '../contract.ts';
import { notDone, rateLimited, withoutSecrets } from '../outcome.ts';
import type { JsonValue, ProviderClientOptions } from '../travel.ts';
import type { Account } from './account.ts';
import type { HourlyCount } from './limits.ts';
import { readRefusal } from './wire.ts';

/** One request to Travelpayouts and what its answer means (travel-providers.md 4.8, 4.9). */

/** A method that is used up is so until its minute ends, which is one away at most, wherever it began. */
const LIMIT_MS = 60_000;

/** Waits; ends early, without an error, when the signal says so. */
export type Pause = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

export interface Exchange extends ProviderClientOptions {
  readonly searches: HourlyCount;
  readonly pause: Pause;
}

export interface Question<T> {
  readonly account: Account;
  readonly call: OutboundCall;
  /** The vendor's method: each has a limit of its own. */
  readonly method: string;
  /** What else the method is counted by: the traveller's address. */
  readonly countedBy?: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, JsonValue>>;
  /** Surface A takes the token in a header; everything else is signed or public. */
  readonly withToken: boolean;
  /** Time limit of this request within the call's. */
  readonly timeoutMsMax: number;
  readonly bytesMax?: number;
  /** Whether the call may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  /** What a 404 means where it is about what was asked for, and not about our address of it. */
  readonly notFound?: string;
  /** @returns null where the text is no such answer. */
  read(body: string): Outcome<T> | null;
}

export async function askVendor<T>(exchange: Exchange, question: Question<T>): Promise<Outcome<T>> {
  const answered = await transmit(exchange.send, requestOf(question), {
    effect: question.effect,
    call: {
      ...question.call,
      timeoutMs: Math.min(question.call.timeoutMs, question.timeoutMsMax),
      ...(question.bytesMax !== undefined && { maxBytes: question.bytesMax }),
    },
  });
  return 'kind' in answered ? answered : judge(exchange, question, answered);
}

/** Whose limit it is: whoever keeps it keeps a digest. */
export function limitKey(account: Account, method: string, countedBy = ''): string {
  return [account.token, method, countedBy].join('\n');
}

function requestOf(question: Question<unknown>): OutboundRequest {
  const { account, body, withToken } = question;
  const search = new URLSearchParams(question.query).toString();
  return {
    method: body === undefined ? 'GET' : 'POST',
    url: `${account.baseUrl}${question.path}${search === '' ? '' : `?${search}`}`,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'gzip',
      ...(withToken && { 'x-access-token': account.token }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    account: limitKey(account, question.method, question.countedBy),
    rateLimitPauseMs: LIMIT_MS,
  };
}

function judge<T>(exchange: Exchange, question: Question<T>, response: OutboundResponse): Outcome<T> {
  const { account, effect, notFound } = question;
  const outcome = response.status === 200 ? question.read(response.body) : null;
  if (outcome !== null) return outcome;
  if (response.status === 429) return rateLimited(response, exchange.clock, LIMIT_MS);
  if (response.status === 404 && notFound !== undefined) return notDone('rejected', notFound);
  const refusal = readRefusal(response.body);
  // The one word of theirs that is about us: it is documented without a status of its own.
  if (refusal !== null && response.status < 500 && /^unauthori[sz]ed$/i.test(refusal)) {
    return notDone('misconfigured', `the credential was refused (${response.status})`);
  }
  const said = refusal === null ? null : withoutSecrets(refusal, account.credentials);
  return unsuccessful(response, { effect, clock: exchange.clock, refusal: said });
}
