import type { z } from 'zod';
import type { Clock } from '../../clock.ts';
import type {
  GatewayConnection,
  NotDoneReason,
  OutboundCall,
  OutboundRequest,
  OutboundResponse,
  OutboundSend,
  Outcome,
  PaymentGatewayClient,
} from '../contract.ts';
import { OutboundFailure } from '../http.ts';
import { retryTime } from '../rate-watch.ts';
import { fromInitiateInput, toInitiatedPayment, toMethods, toPaymentState } from './map.ts';
import { readWebhook } from './webhook.ts';
import { ErrorAnswer, InitiatedAnswer, InvoiceAnswer, MethodsAnswer, readAnswer } from './wire.ts';

export interface FawaterkOptions {
  /** Already watched for rate limits (policy.ts). */
  readonly send: OutboundSend;
  readonly clock: Clock;
  /** IANA zone of the times the vendor writes without one. */
  readonly timeZone?: string;
}

/** `VENDOR_KEY` signs; absent, `API_KEY` does. `ACCEPT_LEGACY_API_KEY` = "true" opts in to the unsigned old dialect. */
export const FAWATERK_CREDENTIALS = ['API_KEY', 'VENDOR_KEY', 'PROVIDER_KEY', 'ACCEPT_LEGACY_API_KEY'] as const;

/** A hash is masked too: the one of a failed payment opens a forged "paid" (payment-gateways.md 1.10). */
export const FAWATERK_SECRET_FIELDS = [
  'api_key',
  'hashKey',
  'transactionHashKey',
  'customerCardToken',
  'cardTokenUniqueId',
  'customerCard',
  'customer_token',
  'paymentToken',
  'access_token',
  'refresh_token',
  'client_secret',
] as const;

const RATE_LIMIT_PAUSE_MS = 5_000;

export function createFawaterkClient(options: FawaterkOptions): PaymentGatewayClient {
  const timeZone = options.timeZone ?? 'Africa/Cairo';
  const ask = <A, T>(question: Question<A, T>): Promise<Outcome<T>> => exchange(options, question);
  return {
    slug: 'fawaterk',
    // Nothing of ours can be searched for at the vendor: no list by our reference, no idempotency key.
    initiateRecovery: 'none',
    credentialNames: FAWATERK_CREDENTIALS,
    secretBodyFields: FAWATERK_SECRET_FIELDS,
    listMethods: (connection, call) =>
      ask({
        connection,
        call,
        method: 'GET',
        path: '/getPaymentmethods',
        effect: false,
        shape: MethodsAnswer,
        convert: toMethods,
      }),
    initiate: async (connection, input, call) => {
      const asked = fromInitiateInput(input);
      if ('refused' in asked) return { kind: 'notDone', reason: 'rejected', detail: asked.refused };
      const convert = (answer: z.infer<typeof InitiatedAnswer>) => toInitiatedPayment(answer, timeZone);
      return ask({
        connection,
        call,
        method: 'POST',
        path: '/invoiceInitPay',
        body: asked.body,
        effect: true,
        shape: InitiatedAnswer,
        convert,
      });
    },
    lookUp: async (connection, gatewayReference, call) => {
      if (!/^\d{1,15}$/.test(gatewayReference))
        return { kind: 'notDone', reason: 'rejected', detail: 'the reference is no invoice id' };
      const path = `/getInvoiceData/${gatewayReference}`;
      const convert = (answer: z.infer<typeof InvoiceAnswer>) => toPaymentState(answer, timeZone);
      const outcome = await ask({
        connection,
        call,
        method: 'GET',
        path,
        effect: false,
        shape: InvoiceAnswer,
        convert,
      });
      // An answer about another invoice is nonsense, whatever it says.
      return outcome.kind === 'done' && outcome.value.gatewayReference !== gatewayReference
        ? { kind: 'notDone', reason: 'unavailable', detail: 'the answer is about another invoice' }
        : outcome;
    },
    readWebhook: (connection, incoming) => readWebhook(connection.credentials, incoming),
  };
}

interface Question<A, T> {
  readonly connection: GatewayConnection;
  readonly call: OutboundCall;
  readonly method: OutboundRequest['method'];
  readonly path: string;
  readonly body?: string;
  /** Whether the call may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  readonly shape: z.ZodType<A>;
  readonly convert: (answer: A) => T;
}

async function exchange<A, T>(options: FawaterkOptions, question: Question<A, T>): Promise<Outcome<T>> {
  const apiKey = question.connection.credentials['API_KEY'];
  if (!apiKey || !/^[\x21-\x7e]+$/.test(apiKey))
    return { kind: 'notDone', reason: 'misconfigured', detail: 'API_KEY is missing or unusable' };
  const request: OutboundRequest = {
    method: question.method,
    url: `${apiBase(question.connection.baseUrl)}${question.path}`,
    headers: {
      authorization: `Bearer ${apiKey}`,
      accept: 'application/json',
      ...(question.body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(question.body !== undefined && { body: question.body }),
  };
  let response: OutboundResponse;
  try {
    response = await options.send(request, question.call);
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error;
    return unanswered(error, question.effect);
  }
  return judge(response, question, options.clock);
}

/**
 * What no answer means: a call that never left was not done; one that may have arrived and has an effect is
 * unknown.
 */
function unanswered(failure: OutboundFailure, effect: boolean): Outcome<never> {
  if (failure.code === 'RATE_LIMITED') return notDone('rateLimited', failure.message, failure.retryAt);
  if (failure.code === 'INVALID_REQUEST') return notDone('misconfigured', failure.message);
  return failure.reached === 'maybe' && effect
    ? { kind: 'unknown', detail: failure.message }
    : notDone('unavailable', failure.message);
}

/** What an answer means (payment-gateways.md 1.2). The detail never quotes what could hold a secret. */
function judge<A, T>(response: OutboundResponse, question: Question<A, T>, clock: Clock): Outcome<T> {
  const { status, body } = response;
  if (status === 200 || status === 201) {
    const answer = readAnswer(question.shape, body);
    if (answer !== null) return { kind: 'done', value: question.convert(answer) };
    const refusal = readAnswer(ErrorAnswer, body);
    if (refusal !== null) return notDone('rejected', `refused: ${sentence(refusal, question.connection)}`);
    return unreadable(status, question.effect);
  }
  if (status === 429) return notDone('rateLimited', 'too many calls', retryTime(response, clock, RATE_LIMIT_PAUSE_MS));
  if (status === 401 || status === 403) return notDone('misconfigured', `the credential was refused (${status})`);
  const refusal = readAnswer(ErrorAnswer, body);
  // A wrong path or method answers HTML (405, seen), a wrong host redirects: both are ours to set right.
  if (status >= 300 && status < 500) {
    return refusal !== null
      ? notDone('rejected', `refused (${status}): ${sentence(refusal, question.connection)}`)
      : notDone(
          status === 400 || status === 422 ? 'rejected' : 'misconfigured',
          `an answer of ${status} without a reason`,
        );
  }
  return unreadable(status, question.effect);
}

function unreadable(status: number, effect: boolean): Outcome<never> {
  const detail = `an answer of ${status} that says nothing`;
  return effect ? { kind: 'unknown', detail } : notDone('unavailable', detail);
}

function notDone(reason: NotDoneReason, detail: string, retryAt?: Date): Outcome<never> {
  return { kind: 'notDone', reason, detail, ...(retryAt && { retryAt }) };
}

/** The vendor's words for the log: names of fields at fault, or the sentence with every credential taken out. */
function sentence(answer: z.infer<typeof ErrorAnswer>, connection: GatewayConnection): string {
  const { message } = answer;
  const said =
    typeof message === 'string'
      ? message
      : Object.keys(message ?? { 'no reason given': '' })
          .slice(0, 10)
          .join(', ');
  const secrets = Object.values(connection.credentials).filter((value) => value.length >= 4 && value !== 'true');
  return secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), said).slice(0, 200);
}

/** Operators write the host, or the host with its version: both mean version 2. */
function apiBase(baseUrl: string): string {
  const base = baseUrl.replace(/\/+$/, '');
  return /\/api\/v\d+$/.test(base) ? base : `${base}/api/v2`;
}
