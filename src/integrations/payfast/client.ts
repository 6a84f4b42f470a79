import type {
  GatewayClaim,
  GatewayConnection,
  GatewayPaymentState,
  IncomingWebhook,
  InitiateInput,
  InitiatedPayment,
  LookUpHints,
  OutboundCall,
  Outcome,
  PaymentGatewayClient,
  RefundInput,
} from '../contract.ts';
import { aboutTransaction } from '../ask.ts';
import { begunByForm, pagesBase } from '../by-form.ts';
import { notDone } from '../outcome.ts';
import { checkoutOf, exchange, type PayfastOptions } from './exchange.ts';
import { METHODS, toConfirmedState, toForm } from './map.ts';
import { UnreadableNotification, readNotification, type Notification } from './notification.ts';
import { lookUpRefund, refund } from './refund.ts';
import { searchStatement } from './search.ts';
import { readWebhook } from './webhook.ts';

/** `SOURCE_ADDRESSES` replaces the published addresses notifications come from (source.ts). */
export const PAYFAST_CREDENTIALS = ['MERCHANT_ID', 'MERCHANT_KEY', 'PASSPHRASE', 'SOURCE_ADDRESSES'] as const;

/** A notification's signature is masked: offline, it lets anybody try passphrases. A token charges a saved card. */
export const PAYFAST_SECRET_FIELDS = ['signature', 'token', 'merchant_key', 'passphrase'] as const;

/** PayFast (payment-gateways.md section 2). Our payment id is the reference: theirs exists only once somebody paid. */
export function createPayfastClient(options: PayfastOptions): PaymentGatewayClient {
  const find = (connection: GatewayConnection, input: RefundInput) => (call: OutboundCall) =>
    lookUp(options, connection, input.gatewayReference, call, { createdAt: input.paymentCreatedAt });
  return {
    slug: 'payfast',
    // Beginning asks nothing of the vendor; whatever was paid is found in its statement by our id.
    initiateRecovery: 'bySearch',
    initiateOffline: true,
    credentialNames: PAYFAST_CREDENTIALS,
    secretBodyFields: PAYFAST_SECRET_FIELDS,
    listMethods: async (connection) => ready(connection) ?? { kind: 'done', value: METHODS },
    initiate: async (connection, input) => initiate(connection, input),
    lookUp: (connection, paymentId, call, hints) => lookUp(options, connection, paymentId, call, hints),
    confirm: (connection, incoming, claim, call) => confirm(options, connection, incoming, claim, call),
    refund: (connection, input, call) =>
      aboutTransaction(options.clock, input, call, find(connection, input), (id, left) =>
        refund(options, connection, id, input, left),
      ),
    lookUpRefund: (connection, input, call) =>
      aboutTransaction(options.clock, input, call, find(connection, input), (id, left) =>
        lookUpRefund(options, connection, id, input, left),
      ),
    readWebhook,
  };
}

/** @returns null where a form can be made. */
function ready({ credentials }: GatewayConnection): Outcome<never> | null {
  if (!/^\d{1,20}$/.test(credentials['MERCHANT_ID'] ?? '')) {
    return notDone('misconfigured', 'MERCHANT_ID is missing or no number');
  }
  return credentials['MERCHANT_KEY'] ? null : notDone('misconfigured', 'MERCHANT_KEY is missing');
}

/** Pure, so the form can be made again whenever the customer opens our page. */
function initiate(connection: GatewayConnection, input: InitiateInput): Outcome<InitiatedPayment> {
  const unready = ready(connection);
  if (unready) return unready;
  const made = toForm(input, connection.credentials, checkoutOf(connection.baseUrl));
  if ('refused' in made) return notDone('rejected', made.refused);
  return begunByForm(input.paymentId, made.form);
}

async function lookUp(
  options: PayfastOptions,
  connection: GatewayConnection,
  paymentId: string,
  call: OutboundCall,
  hints: LookUpHints | undefined,
): Promise<Outcome<GatewayPaymentState>> {
  if (!/^[\w-]{1,100}$/.test(paymentId)) return notDone('rejected', 'the reference is no payment id');
  return searchStatement(options, connection, paymentId, call, hints ?? {});
}

/** The fourth check of a notification: its own parameter string goes back, and the vendor says VALID or INVALID. */
async function confirm(
  options: PayfastOptions,
  connection: GatewayConnection,
  incoming: IncomingWebhook,
  claim: GatewayClaim,
  call: OutboundCall,
): Promise<Outcome<GatewayPaymentState>> {
  let notification: Notification;
  try {
    notification = readNotification(incoming.body, incoming.headers['content-type']);
  } catch (error) {
    if (error instanceof UnreadableNotification) return notDone('rejected', error.message);
    throw error;
  }
  const read = (text: string): 'VALID' | 'INVALID' | null => {
    const word = text.trim();
    return word === 'VALID' || word === 'INVALID' ? word : null;
  };
  const asked = await exchange(
    options,
    { connection, call, effect: false, read },
    {
      method: 'POST',
      url: `${pagesBase(connection.baseUrl)}/eng/query/validate`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: notification.text,
    },
  );
  if (asked.kind !== 'done') return asked;
  if (asked.value === 'INVALID') return notDone('rejected', 'the gateway disowns this notification');
  return { kind: 'done', value: toConfirmedState(claim, notification) };
}
