import { transmit, unsuccessful } from '../ask.ts';
import type { OutboundCall, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, rateLimited } from '../outcome.ts';
import type { ProviderClientOptions, ProviderConnection } from '../travel.ts';
import { numberSetting } from './settings.ts';
import { ErrorAnswer } from './wire.ts';

/** One request to Kiwi.com and what its answer means (travel-providers.md 3.3, 3.5, 3.6). */
export interface KiwiOptions extends Pick<ProviderClientOptions, 'send' | 'clock'> {
  /** Waits between two polls of a check. Rejects where the signal says stop. */
  readonly pause: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>;
}

export interface Asked<T> {
  readonly connection: ProviderConnection;
  readonly call: OutboundCall;
  /** Below the base URL. */
  readonly path: string;
  readonly query?: URLSearchParams;
  /** Posted as JSON; absent: a GET. */
  readonly body?: unknown;
  /** Whether it may change something there: then an answer we can't read leaves the outcome unknown. */
  readonly effect: boolean;
  /** Names and numbers of people, which the vendor's sentences may quote and no log may hold. */
  readonly personal?: readonly string[];
  /** @returns null where the answer is none of the operation's own */
  read(response: OutboundResponse): Outcome<T> | null;
  /** What a token that is too old means; absent: a refusal like any other. */
  readonly expired?: T;
}

export async function askKiwi<T>(options: KiwiOptions, asked: Asked<T>): Promise<Outcome<T>> {
  const { connection, body, query } = asked;
  const apiKey = connection.credentials['API_KEY'] ?? '';
  if (!/^[\x21-\x7e]+$/.test(apiKey)) return notDone('misconfigured', 'API_KEY is missing or unusable');
  const url = `${connection.baseUrl.replace(/\/+$/, '')}${asked.path}${query ? `?${query.toString()}` : ''}`;
  const json = body === undefined ? null : JSON.stringify(body);
  const answered = await transmit(
    options.send,
    {
      method: json === null ? 'GET' : 'POST',
      url,
      headers: {
        apikey: apiKey,
        accept: 'application/json',
        ...(json !== null && { 'content-type': 'application/json' }),
      },
      ...(json !== null && { body: json }),
      account: apiKey,
      rateLimitPauseMs: pauseMsOf(connection),
    },
    asked,
  );
  return 'kind' in answered ? answered : (asked.read(answered) ?? refusal(options, asked, answered));
}

function pauseMsOf(connection: ProviderConnection): number {
  return numberSetting(connection, 'RATE_LIMIT_SECONDS', 600) * 1_000;
}

const EXPIRED = /expired.{0,40}token|token.{0,40}expired/i;
const BAD_KEY = /unknown partner/i;
/** An earlier try of ours may have worked: then this refusal says nothing about it. */
const DONE_BEFORE = /\balready\b|duplicate/i;

/** What an answer means that is no success. The vendor says what is wrong in one of three fields, or in HTML. */
function refusal<T>(options: KiwiOptions, asked: Asked<T>, response: OutboundResponse): Outcome<T> {
  const { connection, effect } = asked;
  const { clock } = options;
  if (response.status === 429) return rateLimited(response, clock, pauseMsOf(connection));
  const said = saidBy(response);
  if (said !== null && response.status < 500) {
    if (BAD_KEY.test(said)) return notDone('misconfigured', 'the credential was refused: unknown partner');
    if (EXPIRED.test(said) && asked.expired !== undefined) return { kind: 'done', value: asked.expired };
    if (effect && DONE_BEFORE.test(said)) return { kind: 'unknown', detail: `it says: ${forTheLog(said, asked)}` };
  }
  return unsuccessful(response, { effect, clock, refusal: said === null ? null : forTheLog(said, asked) });
}

function saidBy(response: OutboundResponse): string | null {
  const answer = readAnswer(ErrorAnswer, response.body, 'written');
  return answer?.error || answer?.msg || answer?.message || null;
}

const DETAIL_LENGTH_MAX = 200;

/** The vendor's words without our secrets and without anything of the people who travel. */
function forTheLog(said: string, { connection, personal = [] }: Asked<unknown>): string {
  const secrets = Object.values(connection.credentials).filter((one) => one.length >= 4);
  const hidden = [...secrets, ...personal.filter((one) => one.length >= 2)].map(literal);
  const plain = said.replace(/\p{C}+/gu, ' ');
  const clean = hidden.length === 0 ? plain : plain.replace(new RegExp(hidden.join('|'), 'giu'), '[hidden]');
  return clean.slice(0, DETAIL_LENGTH_MAX);
}

/** A text as a pattern that finds just this text. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
