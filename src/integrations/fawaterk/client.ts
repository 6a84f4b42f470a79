import type { z } from 'zod';
import type { Outcome, PaymentGatewayClient } from '../contract.ts';
import { VENDOR_TIME_ZONE, askV2, type FawaterkOptions, type Question } from './exchange.ts';
import { fromInitiateInput, toInitiatedPayment, toMethods, toPaymentState } from './map.ts';
import { createRefunds } from './refund.ts';
import { OAUTH_CREDENTIALS } from './tokens.ts';
import { readWebhook } from './webhook.ts';
import { InitiatedAnswer, InvoiceAnswer, MethodsAnswer } from './wire.ts';

/**
 * `VENDOR_KEY` signs; absent, `API_KEY` does. `ACCEPT_LEGACY_API_KEY` = "true" opts in to the unsigned old dialect.
 * `CLIENT_ID` and `CLIENT_SECRET` are the OAuth client that refunds need, and nothing else does.
 */
export const FAWATERK_CREDENTIALS = [
  'API_KEY',
  'VENDOR_KEY',
  'PROVIDER_KEY',
  'ACCEPT_LEGACY_API_KEY',
  ...OAUTH_CREDENTIALS,
] as const;

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

export function createFawaterkClient(options: FawaterkOptions): PaymentGatewayClient {
  const timeZone = options.timeZone ?? VENDOR_TIME_ZONE;
  const ask = <A, T>(question: Question<A, T>): Promise<Outcome<T>> => askV2(options, question);
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
    ...createRefunds(options),
    readWebhook: (connection, incoming) => readWebhook(connection.credentials, incoming),
  };
}
