import type { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { transmit, unsuccessful } from '../ask.ts';
import type {
  Credentials,
  GatewayConnection,
  OutboundCall,
  OutboundRequest,
  OutboundResponse,
  OutboundSend,
  Outcome,
} from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, sharedBudget, withoutSecrets } from '../outcome.ts';
import type { Tokens } from './tokens.ts';
import { ErrorAnswer } from './wire.ts';

/** One request to Fawaterk and what its answer means (payment-gateways.md 1.2). */
export interface FawaterkOptions {
  /** Already watched for rate limits (policy.ts). */
  readonly send: OutboundSend;
  readonly clock: Clock;
  /** IANA zone of the times the vendor writes without one. */
  readonly timeZone?: string;
}

/** Where a time without a zone is read, unless told (Africa/Cairo is likely, not confirmed). */
export const VENDOR_TIME_ZONE = 'Africa/Cairo';

export interface Question<A, T> {
  readonly connection: GatewayConnection;
  readonly call: OutboundCall;
  readonly method: 'GET' | 'POST';
  /** Below the version's base. */
  readonly path: string;
  readonly body?: string;
  /** Whether the call may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  readonly shape: z.ZodType<A>;
  readonly convert: (answer: A) => T;
  /** What a 404 or 405 stands for, where the vendor may not offer the call. Absent: a mistake in our configuration. */
  readonly missing?: T;
}

/** Version 2, under the vendor's API key. */
export async function askV2<A, T>(options: FawaterkOptions, question: Question<A, T>): Promise<Outcome<T>> {
  const { connection } = question;
  const apiKey = connection.credentials['API_KEY'] ?? '';
  if (!isHeaderText(apiKey)) return notDone('misconfigured', 'API_KEY is missing or unusable');
  const request = requestOf(question, `${versionTwo(connection.baseUrl)}${question.path}`, apiKey);
  const answered = await transmit(options.send, request, question);
  return 'kind' in answered ? answered : judge(answered, question, options.clock, connection.credentials);
}

/**
 * Version 3, under an OAuth token. A token that is refused is replaced once: a refusal comes before any effect, so the
 * second try cannot do anything twice.
 */
export async function askV3<A, T>(
  options: FawaterkOptions,
  tokens: Tokens,
  question: Question<A, T>,
): Promise<Outcome<T>> {
  const { connection, effect } = question;
  const budget = sharedBudget(options.clock, question.call);
  const url = `${vendorRoot(connection.baseUrl)}/api/v3${question.path}`;
  const attempt = async (): Promise<{ outcome: Outcome<T>; refused: string | null }> => {
    const token = await tokens.take(connection, budget.next());
    if (token.kind !== 'done') return { outcome: token, refused: null };
    if (budget.isOver) return { outcome: notDone('unavailable', 'the deadline passed first'), refused: null };
    const answered = await transmit(options.send, requestOf(question, url, token.value), {
      call: budget.next(),
      effect,
    });
    if ('kind' in answered) return { outcome: answered, refused: null };
    const secrets = { ...connection.credentials, ACCESS_TOKEN: token.value };
    const outcome = judge(answered, question, options.clock, secrets);
    return { outcome, refused: answered.status === 401 ? token.value : null };
  };
  const first = await attempt();
  if (first.refused === null) return first.outcome;
  tokens.drop(connection, first.refused);
  const second = await attempt();
  if (second.refused !== null) tokens.drop(connection, second.refused);
  return second.outcome;
}

function requestOf<A, T>(question: Question<A, T>, url: string, bearer: string): OutboundRequest {
  const { method, body } = question;
  return {
    method,
    url,
    headers: {
      authorization: `Bearer ${bearer}`,
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  };
}

/** What an answer means. The detail never quotes what could hold a secret. */
function judge<A, T>(
  response: OutboundResponse,
  question: Question<A, T>,
  clock: Clock,
  secrets: Credentials,
): Outcome<T> {
  const { status, body } = response;
  const answer = status === 200 || status === 201 ? readAnswer(question.shape, body) : null;
  if (answer !== null) return { kind: 'done', value: question.convert(answer) };
  if ((status === 404 || status === 405) && question.missing !== undefined) {
    return { kind: 'done', value: question.missing };
  }
  const refusal = readAnswer(ErrorAnswer, body);
  return unsuccessful(response, { effect: question.effect, clock, refusal: refusal && sentence(refusal, secrets) });
}

/** The vendor's words for the log: names of fields at fault, or the sentence with every credential taken out. */
function sentence(answer: z.infer<typeof ErrorAnswer>, secrets: Credentials): string {
  const { message } = answer;
  const said =
    typeof message === 'string'
      ? message
      : Object.keys(message ?? { 'no reason given': '' })
          .slice(0, 10)
          .join(', ');
  return withoutSecrets(said, secrets);
}

/** Whether a text can stand in a header: no blank, no line end, nothing outside ASCII. */
export function isHeaderText(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** Operators write the host, or the host with its version: both mean version 2 here. */
function versionTwo(baseUrl: string): string {
  const base = baseUrl.replace(/\/+$/, '');
  return /\/api\/v\d+$/.test(base) ? base : `${base}/api/v2`;
}

/** What stands before /api and /oauth: the host, or the simulator's path on its server. */
export function vendorRoot(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '').replace(/\/api\/v\d+$/, '');
}
