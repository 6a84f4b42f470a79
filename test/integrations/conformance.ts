import type {
  GatewayConnection,
  InitiateInput,
  OutboundCall,
  Outcome,
  PaymentGatewayClient,
  PaymentGatewaySlug,
} from '../../src/integrations/contract.ts';
import type { Simulators } from '../helpers/simulators.ts';

/**
 * What the contract test needs to know of an integration: an account at its simulator, and how to call each operation.
 * A new integration adds an entry here and is held to everything.
 */
export interface Conformance {
  readonly credentials: Readonly<Record<string, string>>;
  /** Credentials the vendor does not know. */
  readonly wrongCredentials: Readonly<Record<string, string>>;
  register(simulators: Simulators, webhookUrl?: string): Promise<void>;
  readonly operations: readonly Operation[];
  /** Calls of the vendor's own API, for byte-by-byte comparison: method, path and body below the base URL. */
  readonly rawCalls: readonly { readonly method: string; readonly path: string; readonly body?: string }[];
  readonly authorization: string;
}

export interface Operation {
  readonly name: string;
  /** The vendor's name of it, for scenarios. */
  readonly vendorName: string;
  /** Whether it changes something there: then a lost answer is unknown. */
  readonly effect: boolean;
  run(client: PaymentGatewayClient, connection: GatewayConnection, call: OutboundCall): Promise<Outcome<unknown>>;
}

export const INPUT: InitiateInput = {
  paymentId: '0197c0de-0000-7000-8000-000000000001',
  orderNumber: 'ORD-000001',
  methodId: '2',
  methodName: 'Visa-Mastercard',
  amountMinor: 15_000n,
  currencyCode: 'EGP',
  customer: { firstName: 'Mona', lastName: 'Adel', email: 'mona@example.com', phone: '01012345678' },
  items: [{ name: 'Tea', quantity: 2, unitPriceMinor: 7_500n }],
  returnUrls: { success: 'http://localhost/ok', failure: 'http://localhost/no', pending: 'http://localhost/wait' },
  webhookUrl: 'http://localhost:9/hook?_json',
  locale: 'en',
};

/** Started without the faults under test, because those are set afterwards. */
export async function startedReference(client: PaymentGatewayClient, connection: GatewayConnection): Promise<string> {
  const started = await client.initiate(connection, INPUT, { timeoutMs: 2_000 });
  if (started.kind !== 'done') throw new Error(`not started: ${started.detail}`);
  return started.value.gatewayReference;
}

const FAWATERK = { API_KEY: 'fwk_api_4d1f0c77', VENDOR_KEY: 'fwk_vendor_77aa01', PROVIDER_KEY: 'FAWATERAK.19700' };

const FAWATERK_BODY = JSON.stringify({
  payment_method_id: 3,
  cartTotal: '150.00',
  currency: 'EGP',
  customer: { first_name: 'Mona', last_name: 'Adel' },
  cartItems: [{ name: 'Tea', price: '75.00', quantity: '2' }],
  payLoad: { payment_id: 'pay_77' },
});

export const CONFORMANCE: Readonly<Partial<Record<PaymentGatewaySlug, Conformance>>> = {
  fawaterk: {
    credentials: FAWATERK,
    wrongCredentials: { ...FAWATERK, API_KEY: 'fwk_api_somebody' },
    register: (simulators, webhookUrl) =>
      simulators.registerFawaterk({
        account: 'conformance',
        apiKey: FAWATERK.API_KEY,
        vendorKey: FAWATERK.VENDOR_KEY,
        ...(webhookUrl !== undefined && { webhookUrl }),
        retryDelaysMs: Array.from({ length: 10 }, () => 50),
      }),
    operations: [
      {
        name: 'listMethods',
        vendorName: 'getPaymentmethods',
        effect: false,
        run: (client, connection, call) => client.listMethods(connection, call),
      },
      {
        name: 'initiate',
        vendorName: 'invoiceInitPay',
        effect: true,
        run: (client, connection, call) => client.initiate(connection, INPUT, call),
      },
      {
        name: 'lookUp',
        vendorName: 'getInvoiceData',
        effect: false,
        run: (client, connection, call) => client.lookUp(connection, '1000430', call),
      },
    ],
    rawCalls: [
      { method: 'GET', path: '/getPaymentmethods' },
      { method: 'POST', path: '/invoiceInitPay', body: FAWATERK_BODY },
      { method: 'POST', path: '/invoiceInitPay', body: FAWATERK_BODY.replace('"3"', '3').replace(':3,', ':4,') },
      { method: 'POST', path: '/invoiceInitPay', body: FAWATERK_BODY.replace('150.00', '151.00') },
      { method: 'POST', path: '/createInvoiceLink', body: FAWATERK_BODY },
      { method: 'GET', path: '/getInvoiceData/1' },
      { method: 'GET', path: '/invoiceInitPay' },
    ],
    authorization: `Bearer ${FAWATERK.API_KEY}`,
  },
};
