import type { z } from 'zod';
import { transmit, unsuccessful } from '../ask.ts';
import type { OutboundCall, OutboundRequest, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, rateLimited, sharedBudget, unreadable, withoutSecrets } from '../outcome.ts';
import type { ProviderClientOptions, Traveller } from '../travel.ts';
import { travellerHeaders, type Profile, type TestedCall } from './profile.ts';
import { authorizationOf, secondsOf, type ClockOffsets } from './signature.ts';
import { ErrorAnswer } from './wire.ts';

/** One request to Rapid and what its answer means (travel-providers.md 1.3, 1.4, 1.6, 1.8). */
export interface ExpediaOptions extends ProviderClientOptions {
  readonly offsets: ClockOffsets;
}

export interface Question<T> {
  readonly profile: Profile;
  readonly call: OutboundCall;
  readonly traveller: Traveller | null;
  readonly method: OutboundRequest['method'];
  readonly url: string;
  /** Bookings keep a limit of their own, so that a crowd of searches can't keep anybody from booking or cancelling. */
  readonly about: 'search' | 'booking';
  readonly body?: unknown;
  /** The call's name in TEST_HEADERS. */
  readonly tested?: TestedCall;
  /** Whether it may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  /** @returns null where the answer says nothing. */
  read(response: OutboundResponse): Outcome<T> | null;
  /** What a refusal means to this operation; null: what it means to all of them. */
  refused?(refusal: Refusal): Outcome<T> | null;
}

/** A refusal in the vendor's own words: never by its sentence, which may change and may quote the traveller. */
export interface Refusal {
  readonly status: number;
  /** Its type and those nested in it; empty where the answer names none. */
  readonly types: ReadonlySet<string>;
}

/** The vendor names no time but says to wait a minute (travel-providers.md 1.8). */
const RATE_LIMIT_PAUSE_MS = 60_000;

export async function ask<T>(options: ExpediaOptions, question: Question<T>): Promise<Outcome<T>> {
  const { profile, effect } = question;
  const budget = sharedBudget(options.clock, question.call);
  let sent = timestampOf(options, profile);
  let answered = await transmit(options.send, requestOf(question, sent), { call: budget.next(), effect });
  if (!('kind' in answered) && answered.status === 401 && learnsClock(options, question, answered, sent)) {
    // A booking is not sent again by anybody but who decided it; the next one is signed with the vendor's time.
    if (effect || budget.isOver) return notDone('misconfigured', "the vendor's clock differs from ours");
    sent = timestampOf(options, profile);
    answered = await transmit(options.send, requestOf(question, sent), { call: budget.next(), effect });
  }
  return 'kind' in answered ? answered : judge(options, question, answered);
}

function timestampOf({ clock, offsets }: ExpediaOptions, { origin }: Profile): number {
  return secondsOf(clock.now()) + offsets.of(origin);
}

function requestOf<T>(question: Question<T>, timestamp: number): OutboundRequest {
  const { profile, traveller, method, url, body, tested, about } = question;
  const test = tested === undefined ? undefined : profile.testHeaders.get(tested);
  return {
    method,
    url,
    headers: {
      authorization: authorizationOf(profile, timestamp),
      accept: 'application/json',
      'accept-encoding': 'gzip',
      ...travellerHeaders(profile, traveller, about === 'booking'),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(test !== undefined && { test }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    account: `${profile.apiKey} ${about}`,
    rateLimitPauseMs: RATE_LIMIT_PAUSE_MS,
  };
}

/** The vendor tells its time in a refusal, so that a clock that is off can be told from a wrong key. */
function learnsClock<T>(
  { clock, offsets }: ExpediaOptions,
  { profile }: Question<T>,
  response: OutboundResponse,
  sent: number,
): boolean {
  const fields = readAnswer(ErrorAnswer, response.body, 'written')?.fields ?? [];
  const time = fields.find(({ name }) => name === 'servertimestamp')?.value ?? '';
  return /^\d{9,11}$/.test(time) && offsets.learn(profile.origin, { now: clock.now(), sent }, Number(time));
}

function judge<T>(options: ExpediaOptions, question: Question<T>, response: OutboundResponse): Outcome<T> {
  const { status } = response;
  const { effect, profile } = question;
  if (status >= 200 && status < 300) return question.read(response) ?? unreadable(status, effect);
  const refusal = refusalOf(response);
  const own = question.refused?.(refusal) ?? null;
  if (own !== null) return own;
  if (status === 429) return rateLimited(response, options.clock, RATE_LIMIT_PAUSE_MS);
  if (status === 426) return notDone('misconfigured', 'the vendor is spoken to by https only');
  // 408: whoever gave up waiting in between does not know what became of it.
  if (status === 408) return unreadable(status, effect);
  // The reason that is missing might be that an earlier try succeeded.
  if (status === 400 && refusal.types.size === 0) return unreadable(status, effect);
  const said = refusal.types.size === 0 ? null : sentenceOf(refusal, profile);
  return unsuccessful(response, { effect, clock: options.clock, refusal: said });
}

function refusalOf({ status, body }: OutboundResponse): Refusal {
  const answer = readAnswer(ErrorAnswer, body, 'written');
  return { status, types: new Set(answer === null ? [] : [answer.type, ...answer.errors.map(({ type }) => type)]) };
}

/** For the log: the types alone, as the vendor's sentences quote what was sent. */
export function sentenceOf({ types }: Refusal, { connection }: Profile): string {
  return withoutSecrets([...types].slice(0, 8).join(', '), connection.credentials);
}

/**
 * A JSON answer of a shape; null where it is none.
 * @param numbers as they were written, so that no id is too long for a number; `parsed` is four times as fast, for
 * answers of megabytes whose ids are short and whose amounts are text
 */
export function answerOf<T>(
  shape: z.ZodType<T>,
  { body }: OutboundResponse,
  numbers: 'written' | 'parsed' = 'written',
): T | null {
  return readAnswer(shape, body, numbers);
}

/** The answer as it was read, or nothing. */
export function doneWith<T>(value: T | null): Outcome<T> | null {
  return value === null ? null : { kind: 'done', value };
}
