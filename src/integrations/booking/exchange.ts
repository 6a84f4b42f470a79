import type { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { transmit } from '../ask.ts';
import type { OutboundCall, OutboundResponse, OutboundSend, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, unreadable, withoutSecrets } from '../outcome.ts';
import { retryTime } from '../rate-watch.ts';
import type { ProviderConnection } from '../travel.ts';
import { ErrorAnswer } from './wire.ts';

/** One request to the Demand API and what its answer means (travel-providers.md 2.2, 2.3, 2.5). */
export interface DemandOptions {
  /** Already watched for rate limits. */
  readonly send: OutboundSend;
  readonly clock: Clock;
}

export interface Question<A, T> {
  readonly connection: ProviderConnection;
  readonly call: OutboundCall;
  /** Below the version's base; every operation is a POST. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether the call may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  readonly shape: z.ZodType<A>;
  convert(answer: A): Outcome<T>;
  /** What a refusal means here that has a meaning of its own; null: what it means everywhere. */
  refused?(refusal: Refusal): Outcome<T> | null;
}

export interface Refusal {
  readonly status: number;
  /** The vendor's machine-readable key; null where there was none to read. */
  readonly id: string | null;
  /** For the log; holds no value of the request. */
  readonly detail: string;
}

/** No header says how long: access is blocked for about a minute (travel-providers.md 2.6). */
export const RATE_LIMIT_PAUSE_MS = 60_000;

/** A page of a hundred stays with their charges is larger than the usual answer. */
const ANSWER_BYTES_MAX = 4 * 1_048_576;

export async function askDemand<A, T>(options: DemandOptions, question: Question<A, T>): Promise<Outcome<T>> {
  const { connection, call, effect } = question;
  const gate = gateOf(connection);
  if ('refused' in gate) return notDone('misconfigured', gate.refused);
  const answered = await transmit(
    options.send,
    {
      method: 'POST',
      url: `${gate.base}${question.path}`,
      headers: {
        authorization: `Bearer ${connection.credentials['API_KEY']}`,
        'x-affiliate-id': connection.credentials['AFFILIATE_ID'] ?? '',
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: JSON.stringify(question.body),
    },
    { call: { ...call, maxBytes: call.maxBytes ?? ANSWER_BYTES_MAX }, effect },
  );
  return 'kind' in answered ? answered : judge(answered, question, options.clock);
}

function judge<A, T>(response: OutboundResponse, question: Question<A, T>, clock: Clock): Outcome<T> {
  const { status, body } = response;
  const { effect } = question;
  if (status === 200) {
    const answer = readAnswer(question.shape, body, 'written');
    return answer === null ? unreadable(status, effect) : question.convert(answer);
  }
  if (status === 429) return notDone('rateLimited', 'too many calls', retryTime(response, clock, RATE_LIMIT_PAUSE_MS));
  const refusal = refusalOf(response, question.connection);
  return question.refused?.(refusal) ?? refusedAsUsual(refusal, effect);
}

function refusedAsUsual({ status, detail }: Refusal, effect: boolean): Outcome<never> {
  if (status === 401 || status === 403) return notDone('misconfigured', detail);
  if (status === 400 || status === 422) return notDone('rejected', detail);
  // Wrong path, method or headers, or a host that sends us elsewhere: ours to set right, and nothing was done.
  if ([404, 405, 406, 415].includes(status) || (status >= 300 && status < 400)) return notDone('misconfigured', detail);
  // A conflict nobody explained may be our own earlier try.
  if (status === 409 && !effect) return notDone('rejected', detail);
  return effect ? { kind: 'unknown', detail } : notDone('unavailable', detail);
}

/**
 * The vendor's key, the parameter it names and the id of the request, for those who ask its support. Its sentence is not
 * passed on: it quotes values, and some are a guest's.
 */
function refusalOf({ status, body }: OutboundResponse, { credentials }: ProviderConnection): Refusal {
  const answer = readAnswer(ErrorAnswer, body, 'written');
  const first = answer?.errors.find((error) => error !== null);
  const id = first && /^[\w.-]{1,60}$/.test(first.id) ? first.id : null;
  const parameter = /\b[Pp]arameters? '([a-z0-9_.[\]]{1,60})'/.exec(first?.message ?? '')?.[1];
  const request = answer?.request_id ?? '';
  const said = [
    `an answer of ${status}`,
    id === null ? 'without a reason' : `for ${id}`,
    ...(parameter === undefined ? [] : [`(${parameter})`]),
    ...(/^[0-9a-z]{8,40}$/.test(request) ? [`in request ${request}`] : []),
  ];
  return { status, id, detail: withoutSecrets(said.join(' '), credentials) };
}

const PRODUCTION_HOST = 'demandapi.booking.com';
const SANDBOX_HOST = 'demandapi-sandbox.booking.com';
const VERSION = '3.2';

/**
 * Where the call goes, or why it must not leave. The same credentials open both of the vendor's hosts, so nothing but the
 * address keeps a test from booking a real room: the mode and the host must agree.
 */
function gateOf({ baseUrl, mode, credentials }: ProviderConnection): { base: string } | { refused: string } {
  const key = credentials['API_KEY'] ?? '';
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) return { refused: 'API_KEY is missing or unusable' };
  if (!/^\d{1,15}$/.test(credentials['AFFILIATE_ID'] ?? '')) return { refused: 'AFFILIATE_ID is missing or no number' };
  const host = (URL.parse(baseUrl)?.hostname ?? '').replace(/\.$/, '');
  if (mode === 'SANDBOX' && host === PRODUCTION_HOST) return { refused: 'a sandbox connection names the live host' };
  if (mode === 'PRODUCTION' && host === SANDBOX_HOST) return { refused: 'a live connection names the sandbox host' };
  const base = baseUrl.replace(/\/+$/, '');
  const version = /\/(\d+\.\d+)$/.exec(base)?.[1];
  if (version !== undefined && version !== VERSION) return { refused: `only version ${VERSION} is spoken here` };
  return { base: version === undefined ? `${base}/${VERSION}` : base };
}
