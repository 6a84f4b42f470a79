import type { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { ask, unsuccessful } from '../ask.ts';
import { pagesBase } from '../by-form.ts';
import type { GatewayConnection, OutboundCall, OutboundSend, Outcome, PaymentForm } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, unreadable, withoutSecrets } from '../outcome.ts';
import { commandText, sha512 } from './signature.ts';
import { CommandAnswer } from './wire.ts';

/** One command to PayU and what its answer means (payment-gateways.md 3.1, 3.5). */
export interface PayuOptions {
  /** Already watched for rate limits (policy.ts). */
  readonly send: OutboundSend;
  readonly clock: Clock;
}

export type Answer = z.infer<typeof CommandAnswer>;

export interface Command<T> {
  readonly connection: GatewayConnection;
  readonly call: OutboundCall;
  readonly name: 'verify_payment' | 'cancel_refund_transaction' | 'check_action_status';
  /** var1 and on. Only the first is signed. */
  readonly variables: readonly [string, ...string[]];
  /** Whether it may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  /** @returns null where the answer says nothing. */
  read(answer: Answer): Outcome<T> | null;
}

export async function command<T>(options: PayuOptions, asked: Command<T>): Promise<Outcome<T>> {
  const { connection, call, effect, name, variables } = asked;
  const merchant = merchantOf(connection);
  if ('kind' in merchant) return merchant;
  const { key, salt } = merchant;
  const body = new URLSearchParams({
    key,
    command: name,
    ...Object.fromEntries(variables.map((value, index) => [`var${index + 1}`, value])),
    hash: sha512(commandText(key, name, variables[0], salt)),
  });
  const request = {
    method: 'POST',
    // `form=2` chooses JSON; without it the answer is PHP's own text.
    url: `${commandsBase(connection.baseUrl)}/merchant/postservice.php?form=2`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: body.toString(),
    account: key,
  } as const;
  return ask(options.send, request, {
    call,
    effect,
    judge: (response) => {
      const answer = response.status === 200 ? readAnswer(CommandAnswer, response.body, 'written') : null;
      if (answer === null) return unsuccessful(response, { effect, clock: options.clock, refusal: null });
      if (!isDone(answer) && /\b(hash|key)\b/i.test(answer.msg)) {
        return notDone('misconfigured', `the credential was refused: ${sentenceOf(answer, connection)}`);
      }
      return asked.read(answer) ?? unreadable(response.status, effect);
    },
  });
}

export function isDone(answer: Answer): boolean {
  return answer.status === '1';
}

/** The vendor's sentence for the log, without our secrets. */
export function sentenceOf(answer: Answer, { credentials }: GatewayConnection): string {
  return withoutSecrets(answer.msg || 'no reason given', credentials);
}

/** A bar would move a value into its neighbour's place of a hash. */
const CREDENTIAL = /^[\x21-\x7b\x7d\x7e]{1,200}$/;

/** Key and salt, or why there is nothing to sign with. */
export function merchantOf({ credentials }: GatewayConnection): { key: string; salt: string } | Outcome<never> {
  const [key = '', salt = ''] = [credentials['MERCHANT_KEY'], credentials['SALT']];
  if (!CREDENTIAL.test(key)) return notDone('misconfigured', 'MERCHANT_KEY is missing or unusable');
  return CREDENTIAL.test(salt) ? { key, salt } : notDone('misconfigured', 'SALT is missing or unusable');
}

/** Where the browser posts the form, and where the vendor may send it on to: any page of its own. */
export function checkoutOf(baseUrl: string): Pick<PaymentForm, 'action' | 'redirectOrigins'> {
  const action = `${pagesBase(baseUrl)}/_payment`;
  const isVendors = (URL.parse(baseUrl)?.hostname ?? '').endsWith('.payu.in');
  return isVendors ? { action, redirectOrigins: ['https://*.payu.in'] } : { action };
}

/** Live commands have a host of their own; the test system and every simulator serve both. */
function commandsBase(baseUrl: string): string {
  const isLive = URL.parse(baseUrl)?.hostname === 'secure.payu.in';
  return isLive ? 'https://info.payu.in' : pagesBase(baseUrl);
}
