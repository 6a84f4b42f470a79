import type { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type {
  Credentials,
  GatewayConnection,
  OutboundCall,
  OutboundRequest,
  OutboundResponse,
  OutboundSend,
  Outcome,
} from '../contract.ts';
import { OutboundFailure } from '../http.ts';
import { notDone, rateLimited, sharedBudget, unanswered, unreadable, withoutSecrets } from '../outcome.ts';
import type { Tokens } from './tokens.ts';
import { ErrorAnswer, readAnswer } from './wire.ts';

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
  const { connection, call } = question;
  const apiKey = connection.credentials['API_KEY'] ?? '';
  if (!isHeaderText(apiKey)) return notDone('misconfigured', 'API_KEY is missing or unusable');
  const request = requestOf(question, `${versionTwo(connection.baseUrl)}${question.path}`, apiKey);
  const answered = await transmit(options, request, call, question.effect);
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
    const answered = await transmit(options, requestOf(question, url, token.value), budget.next(), effect);
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

/** The answer, or what it means that there is none. */
export async function transmit(
  options: FawaterkOptions,
  request: OutboundRequest,
  call: OutboundCall,
  effect: boolean,
): Promise<OutboundResponse | Outcome<never>> {
  try {
    return await options.send(request, call);
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error;
    return unanswered(error, effect);
  }
}

/** What an answer means. The detail never quotes what could hold a secret. */
function judge<A, T>(
  response: OutboundResponse,
  question: Question<A, T>,
  clock: Clock,
  secrets: Credentials,
): Outcome<T> {
  const { status, body } = response;
  if (status === 200 || status === 201) {
    const answer = readAnswer(question.shape, body);
    if (answer !== null) return { kind: 'done', value: question.convert(answer) };
    const refusal = readAnswer(ErrorAnswer, body);
    if (refusal !== null) return notDone('rejected', `refused: ${sentence(refusal, secrets)}`);
    return unreadable(status, question.effect);
  }
  if (status === 429) return rateLimited(response, clock);
  if (status === 401 || status === 403) return notDone('misconfigured', `the credential was refused (${status})`);
  if ((status === 404 || status === 405) && question.missing !== undefined) {
    return { kind: 'done', value: question.missing };
  }
  // A wrong path or method answers HTML (405, seen), a wrong host redirects: both are ours to set right.
  if (status >= 300 && status < 500) {
    const refusal = readAnswer(ErrorAnswer, body);
    return refusal !== null
      ? notDone('rejected', `refused (${status}): ${sentence(refusal, secrets)}`)
      : notDone(
          status === 400 || status === 422 ? 'rejected' : 'misconfigured',
          `an answer of ${status} without a reason`,
        );
  }
  return unreadable(status, question.effect);
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
