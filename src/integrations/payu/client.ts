import { aboutTransaction } from '../ask.ts';
import { begunByForm } from '../by-form.ts';
import type {
  GatewayConnection,
  GatewayPaymentState,
  InitiateInput,
  InitiatedPayment,
  OutboundCall,
  Outcome,
  PaymentGatewayClient,
  RefundInput,
} from '../contract.ts';
import { notDone } from '../outcome.ts';
import { checkoutOf, command, isDone, merchantOf, sentenceOf, type Answer, type PayuOptions } from './exchange.ts';
import { METHODS, toForm, toState } from './map.ts';
import { lookUpRefund, refund } from './refund.ts';
import { readWebhook } from './webhook.ts';
import { PaymentDetail, entryOf } from './wire.ts';

/** `SOURCE_ADDRESSES` replaces the published addresses refund callbacks come from (webhook.ts). */
export const PAYU_CREDENTIALS = ['MERCHANT_KEY', 'SALT', 'SOURCE_ADDRESSES'] as const;

/** A hash is masked too: offline, it lets anybody try salts. Card numbers come masked, and are nobody's business. */
export const PAYU_SECRET_FIELDS = ['hash', 'card_no', 'cardnum', 'card_token', 'cardToken', 'cardhash'] as const;

/** PayU India (payment-gateways.md section 3). Their txnid is our payment's id, so everything is found by it. */
export function createPayuClient(options: PayuOptions): PaymentGatewayClient {
  const find = (connection: GatewayConnection, input: RefundInput) => (call: OutboundCall) =>
    lookUp(options, connection, input.gatewayReference, call);
  return {
    slug: 'payu',
    // Beginning asks nothing of the vendor; whatever became of it is found by our reference.
    initiateRecovery: 'byReference',
    initiateOffline: true,
    credentialNames: PAYU_CREDENTIALS,
    secretBodyFields: PAYU_SECRET_FIELDS,
    listMethods: async (connection) => {
      const merchant = merchantOf(connection);
      return 'kind' in merchant ? merchant : { kind: 'done', value: METHODS };
    },
    initiate: async (connection, input) => initiate(connection, input),
    lookUp: (connection, txnid, call) => lookUp(options, connection, txnid, call),
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

/** Pure, so the form can be made again whenever the customer opens our page. */
function initiate(connection: GatewayConnection, input: InitiateInput): Outcome<InitiatedPayment> {
  const merchant = merchantOf(connection);
  if ('kind' in merchant) return merchant;
  const made = toForm(input, merchant, checkoutOf(connection.baseUrl));
  if ('refused' in made) return notDone('rejected', made.refused);
  return begunByForm(made.txnid, made.form);
}

async function lookUp(
  options: PayuOptions,
  connection: GatewayConnection,
  txnid: string,
  call: OutboundCall,
): Promise<Outcome<GatewayPaymentState>> {
  // A bar would ask for several.
  if (!/^[\w.-]{1,50}$/.test(txnid)) return notDone('rejected', 'the reference is no txnid');
  return command(options, {
    connection,
    call,
    name: 'verify_payment',
    variables: [txnid],
    effect: false,
    read: (answer) => readPayment(answer, txnid, connection),
  });
}

/** A transaction the vendor does not know is one whose customer never came: open until our own deadline. */
function readPayment(
  answer: Answer,
  txnid: string,
  connection: GatewayConnection,
): Outcome<GatewayPaymentState> | null {
  const detail = PaymentDetail.safeParse(entryOf(answer.transaction_details, txnid));
  const isUnknown = detail.success && /^not found$/i.test(detail.data.status);
  if (isUnknown || (!isDone(answer) && /^0 out of \d/.test(answer.msg))) {
    return { kind: 'done', value: toState(txnid, null) };
  }
  if (!isDone(answer)) return notDone('rejected', `refused: ${sentenceOf(answer, connection)}`);
  if (!detail.success) return null;
  const isOther = detail.data.txnid !== '' && detail.data.txnid !== txnid;
  return isOther
    ? notDone('unavailable', 'the answer is about another payment')
    : { kind: 'done', value: toState(txnid, detail.data) };
}
