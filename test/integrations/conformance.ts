import { randomUUID } from 'node:crypto';
import type {
  GatewayConnection,
  InitiateInput,
  InitiatedPayment,
  OutboundCall,
  Outcome,
  PaymentGatewayClient,
  PaymentGatewaySlug,
  RefundInput,
} from '../../src/integrations/contract.ts';
import type { Simulators } from '../helpers/simulators.ts';

/**
 * What the contract test needs to know of an integration: an account at its simulator, how to begin a payment, and how
 * to call each operation. A new integration adds an entry here and is held to everything.
 */
export interface Conformance {
  readonly credentials: Readonly<Record<string, string>>;
  /** Credentials the vendor does not know. */
  readonly wrongCredentials: Readonly<Record<string, string>>;
  register(simulators: Simulators, webhookUrl?: string): Promise<void>;
  /** A payment the vendor takes. */
  readonly input: InitiateInput;
  /** The hosted page of a payment that was begun. */
  openPage(simulators: Simulators, started: InitiatedPayment): Promise<string>;
  readonly operations: readonly Operation[];
  /** How often the vendor's books say that an operation with an effect had it. */
  effectsInBooks(simulators: Simulators): Promise<number>;
  /** Calls of the vendor's own interface, for byte-by-byte comparison, below the base URL. */
  readonly rawCalls: readonly RawCall[];
}

export interface RawCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Operation {
  readonly name: string;
  /** The vendor's name of it, for scenarios. */
  readonly vendorName: string;
  /** Whether it changes something there: then a lost answer is unknown. */
  readonly effect: boolean;
  /** Done before any fault is set. @returns what the operation is about. */
  prepare?(world: Prepared): Promise<string>;
  run(
    client: PaymentGatewayClient,
    connection: GatewayConnection,
    call: OutboundCall,
    about: string,
  ): Promise<Outcome<unknown>>;
}

export interface Prepared {
  readonly client: PaymentGatewayClient;
  readonly connection: GatewayConnection;
  readonly simulators: Simulators;
}

/** Faults and how a call must end under them: first a reading operation, then one with an effect. */
export const UNDER_FAULT = [
  ['slow', { ms: 20 }, 'done', 'done'],
  ['hang', {}, 'unavailable', 'unknown'],
  ['hangAfter', {}, 'unavailable', 'unknown'],
  ['resetBefore', {}, 'unavailable', 'unknown'],
  ['resetAfter', {}, 'unavailable', 'unknown'],
  ['status5xx', { status: 500 }, 'unavailable', 'unknown'],
  ['status5xx', { status: 503 }, 'unavailable', 'unknown'],
  ['status5xxAfter', { status: 502 }, 'unavailable', 'unknown'],
  ['malformedBody', {}, 'unavailable', 'unknown'],
  ['truncated', {}, 'unavailable', 'unknown'],
  ['oversized', {}, 'unavailable', 'unknown'],
  ['rateLimited', { retryAfterSeconds: 30 }, 'rateLimited', 'rateLimited'],
  ['html405', {}, 'misconfigured', 'misconfigured'],
  ['echoSecret', {}, 'rejected', 'rejected'],
] as const;

const INPUT: InitiateInput = {
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

const URLENCODED = { 'content-type': 'application/x-www-form-urlencoded' };

async function started({ client, connection }: Prepared, input: InitiateInput): Promise<InitiatedPayment> {
  const outcome = await client.initiate(connection, input, { timeoutMs: 2_000 });
  if (outcome.kind !== 'done') throw new Error(`not started: ${outcome.detail}`);
  return outcome.value;
}

const FAWATERK = {
  API_KEY: 'fwk_api_4d1f0c77',
  VENDOR_KEY: 'fwk_vendor_77aa01',
  PROVIDER_KEY: 'FAWATERAK.19700',
  CLIENT_ID: '9d4e2c1a-b3f5-4e8a-9c1d-2a3b4c5d6e7f',
  CLIENT_SECRET: 'fwk_client_secret_31aa',
};

const FAWATERK_REFUND: Omit<RefundInput, 'gatewayReference'> = {
  gatewayKey: null,
  paymentId: INPUT.paymentId,
  refundId: '0197c0de-0000-7000-8000-0000000000aa',
  amountMinor: 10_000n,
  currencyCode: 'EGP',
  reason: 'Customer changed their mind',
  refundedBeforeMinor: 0n,
  paymentCreatedAt: new Date(),
};

async function paidInvoice(world: Prepared): Promise<string> {
  const payment = await started(world, INPUT);
  await world.simulators.act(payment.paymentUrl ?? '', 'pay');
  return payment.gatewayReference;
}

const FAWATERK_BODY = JSON.stringify({
  payment_method_id: 3,
  cartTotal: '150.00',
  currency: 'EGP',
  customer: { first_name: 'Mona', last_name: 'Adel' },
  cartItems: [{ name: 'Tea', price: '75.00', quantity: '2' }],
  payLoad: { payment_id: 'pay_77' },
});

const FAWATERK_TOKEN_BODY = JSON.stringify({
  grant_type: 'client_credentials',
  client_id: FAWATERK.CLIENT_ID,
  client_secret: FAWATERK.CLIENT_SECRET,
});

const PAYFAST = { MERCHANT_ID: '10000100', MERCHANT_KEY: '46f0cd694581a', PASSPHRASE: 'jt7NOE43FZPn' };

const PAYFAST_INPUT: InitiateInput = {
  ...INPUT,
  methodId: 'all',
  methodName: 'PayFast',
  amountMinor: 24_990n,
  currencyCode: 'ZAR',
};

/** Beginning a payment asks PayFast nothing, so its calls are the search and the refund. */
const PAYFAST_CONFORMANCE: Conformance = {
  credentials: PAYFAST,
  wrongCredentials: { ...PAYFAST, PASSPHRASE: 'somebody' },
  register: (simulators, webhookUrl) =>
    simulators.register('payfast', 'conformance', {
      merchantId: PAYFAST.MERCHANT_ID,
      merchantKey: PAYFAST.MERCHANT_KEY,
      passphrase: PAYFAST.PASSPHRASE,
      ...(webhookUrl !== undefined && { notifyUrl: webhookUrl }),
      retryDelaysMs: Array.from({ length: 10 }, () => 50),
    }),
  input: PAYFAST_INPUT,
  openPage: async (simulators, { form }) => (form ? simulators.submit(form) : ''),
  effectsInBooks: async (simulators) => {
    const { book } = await simulators.bookOf('payfast', 'conformance');
    const { payments } = book as { payments: { refunds: unknown[] }[] };
    return payments.reduce((sum, payment) => sum + payment.refunds.length, 0);
  },
  operations: [
    {
      name: 'lookUp',
      vendorName: 'history',
      effect: false,
      prepare: async (world) => (await started(world, PAYFAST_INPUT)).gatewayReference,
      run: (client, connection, call, about) => client.lookUp(connection, about, call),
    },
    {
      name: 'refund',
      vendorName: 'refundCreate',
      effect: true,
      prepare: async (world) => {
        const page = await world.simulators.submit((await started(world, PAYFAST_INPUT)).form!);
        const paid = (await world.simulators.act(page, 'pay')) as unknown as { paymentId: number };
        return String(paid.paymentId);
      },
      run: (client, connection, call, about) =>
        client.refund!(
          connection,
          {
            gatewayReference: PAYFAST_INPUT.paymentId,
            gatewayKey: about,
            paymentId: PAYFAST_INPUT.paymentId,
            refundId: '0197c0de-0000-7000-8000-0000000000aa',
            amountMinor: 10_000n,
            currencyCode: 'ZAR',
            reason: 'Product out of stock',
            refundedBeforeMinor: 0n,
            paymentCreatedAt: new Date(),
          },
          call,
        ),
    },
  ],
  rawCalls: [
    payfastCheckout('1169dc6b20410f11bb1a4764f69e177f'),
    payfastCheckout('bac6a2ce5505d66e4743be88a938c69b'),
    ...Array.from({ length: 6 }, () => payfastCheckout('1169dc6b20410f11bb1a4764f69e177f')),
    { method: 'POST', path: '/eng/query/validate', headers: {}, body: 'merchant_id=10000100' },
    {
      method: 'GET',
      path: '/ping',
      headers: {
        'merchant-id': '10000100',
        version: 'v1',
        timestamp: '2026-05-04T10:15:30+02:00',
        signature: 'fc1e8be219eaef9387fc120135e9760e',
      },
    },
    { method: 'GET', path: '/refunds/1', headers: { 'merchant-id': '10000100' } },
  ],
};

/** The form of payment-gateways.md 2.4. */
function payfastCheckout(signature: string): RawCall {
  const fields = [
    'merchant_id=10000100&merchant_key=46f0cd694581a&return_url=https%3A%2F%2Fshop.example.com%2Fpay%2Freturn',
    'cancel_url=https%3A%2F%2Fshop.example.com%2Fpay%2Fcancel',
    'notify_url=https%3A%2F%2Fshop.example.com%2Fhooks%2Fpayfast%2Ft1&name_first=Thandi&name_last=O%27Neill',
    'email_address=thandi%40example.com&m_payment_id=ord_1001&amount=249.90',
    'item_name=Order+%231001+%282+items%29&item_description=Tea+%26+cups&custom_str1=tenant_t1',
    `signature=${signature}`,
  ];
  return { method: 'POST', path: '/eng/process', headers: URLENCODED, body: fields.join('&') };
}

const PAYU = { MERCHANT_KEY: 'gtTest1', SALT: 'sAlTsAlT0123456789' };

const PAYU_INPUT: InitiateInput = {
  ...INPUT,
  methodId: 'payu',
  methodName: 'PayU',
  amountMinor: 49_900n,
  currencyCode: 'INR',
};

/**
 * Beginning a payment asks PayU nothing, so its calls are the look-up and the refund. A txnid that was paid cannot be
 * paid again, so every case is about a payment of its own.
 */
const PAYU_CONFORMANCE: Conformance = {
  credentials: PAYU,
  wrongCredentials: { ...PAYU, SALT: 'somebody' },
  register: (simulators, webhookUrl) =>
    simulators.register('payu', 'conformance', {
      merchantKey: PAYU.MERCHANT_KEY,
      salt: PAYU.SALT,
      ...(webhookUrl !== undefined && { webhookUrl }),
      retryDelaysMs: Array.from({ length: 10 }, () => 50),
    }),
  input: PAYU_INPUT,
  openPage: async (simulators, { form }) => (form ? simulators.submit(form) : ''),
  effectsInBooks: async (simulators) => {
    const { book } = await simulators.bookOf('payu', 'conformance');
    const { payments } = book as { payments: { refunds: unknown[] }[] };
    return payments.reduce((sum, payment) => sum + payment.refunds.length, 0);
  },
  operations: [
    {
      name: 'lookUp',
      vendorName: 'verify_payment',
      effect: false,
      prepare: async (world) => (await started(world, PAYU_INPUT)).gatewayReference,
      run: (client, connection, call, about) => client.lookUp(connection, about, call),
    },
    {
      name: 'refund',
      vendorName: 'cancel_refund_transaction',
      effect: true,
      prepare: payuTransaction,
      run: (client, connection, call, about) => client.refund!(connection, payuRefund(about), call),
    },
    {
      name: 'lookUpRefund',
      vendorName: 'check_action_status',
      effect: false,
      prepare: payuTransaction,
      run: (client, connection, call, about) =>
        client.lookUpRefund!(connection, { ...payuRefund(about), gatewayRefundReference: null }, call),
    },
  ],
  rawCalls: [
    payuForm(
      'ord1001a1',
      '2b2e6d90e3fd5dbffc7530ce063cd711310c986fb9dd623bd9ddc92ee33a61b83800d3342170db73e4eeb380894945b4ed20730ef4037c4ce66699a5dea07ac3',
    ),
    payuForm(
      'ord1001a2',
      '2b2e6d90e3fd5dbffc7530ce063cd711310c986fb9dd623bd9ddc92ee33a61b83800d3342170db73e4eeb380894945b4ed20730ef4037c4ce66699a5dea07ac3',
    ),
    ...Array.from({ length: 6 }, () =>
      payuCommand(
        'verify_payment',
        'ord1001a1',
        'fa4e01576b7cbe5da635266b484c47bc1ebf2e1c7584cc6571e36b26b34145d05f52b361a10b0d1c6754496712123ea6738075dab489ce92fd55e2fc1ebddfaa',
      ),
    ),
    payuCommand(
      'check_action_status',
      '131278422',
      '9488c2a42bef3ee1142336246ad94bab09639f341a6601972e884b6756904076eb8692eb85fa8a70c3a5d0f2aa6d5a12b5136034cbfab1acd797c56e7e080b16',
    ),
    payuCommand('check_action_status', '131278422', 'none'),
  ],
};

/** A payment that was paid just now, by their id. */
async function payuTransaction(world: Prepared): Promise<string> {
  const { form } = await started(world, { ...PAYU_INPUT, paymentId: randomUUID() });
  const paid = await world.simulators.act(await world.simulators.submit(form!), 'pay');
  return (paid as unknown as { mihpayid: string }).mihpayid;
}

function payuRefund(transaction: string): RefundInput {
  return {
    gatewayReference: 'not asked for',
    gatewayKey: transaction,
    paymentId: PAYU_INPUT.paymentId,
    refundId: randomUUID(),
    amountMinor: 10_000n,
    currencyCode: 'INR',
    reason: 'Product out of stock',
    refundedBeforeMinor: 0n,
    paymentCreatedAt: new Date(),
  };
}

/** The form of payment-gateways.md 3.2. */
function payuForm(txnid: string, hash: string): RawCall {
  const fields = [
    `key=gtTest1&txnid=${txnid}&amount=499.00&productinfo=Order+1001&firstname=Asha&email=asha%40example.com`,
    'phone=9800000001&udf1=tenant_t1&udf2=pay_8842&surl=https%3A%2F%2Fshop.example.com%2Fpayu%2Fok',
    `furl=https%3A%2F%2Fshop.example.com%2Fpayu%2Fno&hash=${hash}`,
  ];
  return { method: 'POST', path: '/_payment', headers: URLENCODED, body: fields.join('&') };
}

function payuCommand(command: string, var1: string, hash: string): RawCall {
  const body = `key=gtTest1&command=${command}&var1=${var1}&hash=${hash}`;
  return { method: 'POST', path: '/merchant/postservice.php?form=2', headers: URLENCODED, body };
}

export const CONFORMANCE: Readonly<Partial<Record<PaymentGatewaySlug, Conformance>>> = {
  fawaterk: {
    credentials: FAWATERK,
    wrongCredentials: { ...FAWATERK, API_KEY: 'fwk_api_somebody', CLIENT_SECRET: 'fwk_client_secret_somebody' },
    register: (simulators, webhookUrl) =>
      simulators.registerFawaterk({
        account: 'conformance',
        apiKey: FAWATERK.API_KEY,
        vendorKey: FAWATERK.VENDOR_KEY,
        clientId: FAWATERK.CLIENT_ID,
        clientSecret: FAWATERK.CLIENT_SECRET,
        ...(webhookUrl !== undefined && { webhookUrl }),
        retryDelaysMs: Array.from({ length: 10 }, () => 50),
      }),
    input: INPUT,
    openPage: async (_simulators, { paymentUrl }) => paymentUrl ?? '',
    // A refund needs an invoice that was paid first, which is no effect of it.
    effectsInBooks: async (simulators) => {
      const { invoices, refunds } = await simulators.book('conformance');
      return invoices.filter((invoice) => invoice.state === 'unpaid').length + refunds.length;
    },
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
        prepare: async (world) => (await started(world, INPUT)).gatewayReference,
        run: (client, connection, call, about) => client.lookUp(connection, about, call),
      },
      {
        name: 'refund',
        vendorName: 'refundCreate',
        effect: true,
        prepare: paidInvoice,
        run: (client, connection, call, about) =>
          client.refund!(connection, { ...FAWATERK_REFUND, gatewayReference: about }, call),
      },
      {
        name: 'lookUpRefund',
        vendorName: 'refundList',
        effect: false,
        prepare: paidInvoice,
        run: (client, connection, call, about) =>
          client.lookUpRefund!(
            connection,
            { ...FAWATERK_REFUND, gatewayReference: about, gatewayRefundReference: null },
            call,
          ),
      },
    ],
    rawCalls: [
      { method: 'POST', path: '/../../oauth/token', body: FAWATERK_TOKEN_BODY },
      { method: 'POST', path: '/../v3/refund/index' },
      { method: 'GET', path: '/getPaymentmethods' },
      { method: 'POST', path: '/invoiceInitPay', body: FAWATERK_BODY },
      { method: 'POST', path: '/invoiceInitPay', body: FAWATERK_BODY.replace('"3"', '3').replace(':3,', ':4,') },
      { method: 'POST', path: '/invoiceInitPay', body: FAWATERK_BODY.replace('150.00', '151.00') },
      { method: 'POST', path: '/createInvoiceLink', body: FAWATERK_BODY },
      { method: 'GET', path: '/getInvoiceData/1' },
      { method: 'GET', path: '/invoiceInitPay' },
    ].map((call) => ({
      ...call,
      headers: { authorization: `Bearer ${FAWATERK.API_KEY}`, 'content-type': 'application/json' },
    })),
  },
  payfast: PAYFAST_CONFORMANCE,
  payu: PAYU_CONFORMANCE,
};
