import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { PayfastShop } from '../helpers/payfast-shop.ts';

/** Several gateways of one tenant: which of them an order is offered, test and live, and what is shown of their credentials (COM-6). */
let world: TestApp;
let payfast: PayfastShop;
let admin: As;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  payfast = await PayfastShop.open(world);
  admin = { token: (await world.session('tenantAdmin')).accessToken };
});
afterAll(() => world.stop());

const CONFIGURE = `mutation ($input: ConfigurePaymentGatewayInput!) { configurePaymentGateway(input: $input) {
  tenant { paymentGateways { gateway enabled testMode } } userErrors { code field message } } }`;
const configure = async (input: object, at = world, as = admin) =>
  (await at.data(as, CONFIGURE, { input })).configurePaymentGateway;
const gatewaysOf = async (orderId: string) => [
  ...new Set((await payfast.methods(orderId)).map(({ gateway }) => gateway)),
];

describe('several gateways at once', () => {
  test('an order is offered those that take its currency', async () => {
    expect(await gatewaysOf(await payfast.issued('100.00', 'EGP'))).toEqual(['FAWATERK']);
    expect(await gatewaysOf(await payfast.issued('100.00', 'ZAR'))).toEqual(['PAYFAST']);
    expect(await gatewaysOf(await payfast.issued('100', 'JPY'))).toEqual([]);
  });

  test('the method chosen decides by which it is paid; both ways end in the same books', async () => {
    const card = await payfast.shop.started();
    await payfast.shop.paid(card);
    const form = await payfast.checkedOut();
    await payfast.silently(form, 'pay');
    await payfast.deliver(payfast.notification(form, 'COMPLETE'));
    for (const [id, gateway] of [
      [card.id, 'FAWATERK'],
      [form.id, 'PAYFAST'],
    ] as const) {
      expect(await payfast.shop.paymentRow(id)).toMatchObject({ gateway, status: 'PAID' });
      expect(await payfast.shop.postings(id)).toEqual(['SETTLEMENT']);
    }
  });

  test('a method of a gateway that does not take the order’s currency is refused, and nothing is begun', async () => {
    const [rand, pounds] = [await payfast.issued('100.00', 'ZAR'), await payfast.issued('100.00', 'EGP')];
    const card = await payfast.shop.methodId(pounds);
    for (const [orderId, methodId] of [
      [rand, card],
      [pounds, await payfast.methodId(rand)],
    ]) {
      expect(await payfast.pay(orderId!, { methodId })).toMatchObject({
        payment: null,
        userErrors: [{ code: 'CURRENCY_MISMATCH', field: ['input', 'methodId'] }],
      });
      expect(await payfast.paymentsOf(orderId!)).toEqual([]);
    }
  });

  test('its administrators see all of them; one that is off is offered to nobody', async () => {
    const all = [
      { gateway: 'FAWATERK', enabled: true, testMode: true },
      { gateway: 'PAYFAST', enabled: true, testMode: true },
      { gateway: 'PAYU', enabled: true, testMode: true },
    ];
    const { tenant } = await world.data(
      admin,
      '{ tenant { paymentGateway { gateway } paymentGateways { gateway enabled testMode } } }',
    );
    expect(tenant).toEqual({ paymentGateway: { gateway: 'FAWATERK' }, paymentGateways: all });
    const orderId = await payfast.issued();
    const methodId = await payfast.methodId(orderId);
    expect((await configure({ gateway: 'PAYFAST', enabled: false })).userErrors).toEqual([]);
    try {
      expect(await gatewaysOf(orderId)).toEqual([]);
      expect(await payfast.pay(orderId, { methodId })).toMatchObject({ userErrors: [{ code: 'NOT_FOUND' }] });
    } finally {
      await configure({ gateway: 'PAYFAST', enabled: true });
    }
    expect(await gatewaysOf(orderId)).toEqual(['PAYFAST']);
  });

  test('what they show costs one statement for each kind, however many there are', async () => {
    const counter = world.app.metrics.databaseStatements;
    const statements = async (fields: string) => {
      const tries = [];
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const before = (await counter.get()).values[0]?.value ?? 0;
        await world.data(admin, `{ tenant { ${fields} } }`);
        tries.push(((await counter.get()).values[0]?.value ?? 0) - before);
      }
      return Math.min(...tries);
    };
    const without = await statements('paymentGateways { gateway }');
    expect(await statements('paymentGateways { gateway credentials { name version } }')).toBe(without + 1);
  });
});

describe('credentials', () => {
  test('are sealed in the database, and of each only its name and end are shown', async () => {
    const { tenant } = await world.data(
      admin,
      '{ tenant { paymentGateways { gateway credentials { name lastFour version } } } }',
    );
    const shown = tenant.paymentGateways[1].credentials;
    const { MERCHANT_ID, MERCHANT_KEY, PASSPHRASE } = payfast.credentials as Record<string, string>;
    expect(shown).toEqual([
      { name: 'MERCHANT_ID', lastFour: null, version: 1 },
      { name: 'MERCHANT_KEY', lastFour: MERCHANT_KEY!.slice(-4), version: 1 },
      { name: 'PASSPHRASE', lastFour: PASSPHRASE!.slice(-4), version: 1 },
    ]);
    const rows = await world.owner("select c::text as text, sealed from credentials c where owner = 'gateway:PAYFAST'");
    expect(rows).toHaveLength(6);
    for (const secret of [MERCHANT_ID, MERCHANT_KEY, PASSPHRASE]) {
      for (const { text, sealed } of rows) {
        expect(text).not.toContain(secret);
        expect(sealed.toString('latin1')).not.toContain(secret);
      }
    }
  });

  test('are every tenant’s own', async () => {
    const [other] = await world.owner('select id from tenants where slug = $1', [world.facts.otherTenantSlug]);
    const theirs = (await world.app.gateways.connect(other.id, 'PAYFAST'))!.credentials;
    expect(Object.keys(theirs)).toEqual(Object.keys(payfast.credentials));
    for (const [name, value] of Object.entries(theirs)) expect(payfast.credentials[name], name).not.toBe(value);
  });

  test('that the gateway does not know are refused by name', async () => {
    expect(await configure({ gateway: 'PAYFAST', credentials: [{ name: 'API_KEY', value: 'x' }] })).toMatchObject({
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'credentials'] }],
    });
  });
});

describe('test and live', () => {
  test('are the vendor’s two addresses, and the form goes to the one that is set', async () => {
    const real = await startTestApp({
      database: world.database,
      simulators: world.simulators,
      worker: false,
      environment: { SIMULATORS_URL: '' },
    });
    try {
      // The vendor's own hosts: the page names them, and nothing here asks them anything.
      const shop = await PayfastShop.open(real);
      const as = { token: (await real.session('tenantAdmin')).accessToken };
      const begun = await shop.begun();
      for (const [testMode, origin] of [
        [true, 'https://sandbox.payfast.co.za'],
        [false, 'https://www.payfast.co.za'],
      ] as const) {
        await configure({ gateway: 'PAYFAST', testMode }, real, as);
        const page = await shop.open((await shop.linkOf(begun))!);
        expect(page.text).toContain(`action="${origin}/eng/process"`);
        expect(page.headers['content-security-policy']).toContain(`form-action ${origin} https://*.payfast.co.za`);
      }
    } finally {
      await configure({ gateway: 'PAYFAST', testMode: true });
      await real.stop();
    }
  });

  test('in production no simulator is ever looked for', () => {
    const environment = {
      DATABASE_URL: 'postgresql://x@localhost/x',
      SECRET_KEY: 'x'.repeat(32),
      APP_BASE_URL: 'https://api.example',
      SIMULATORS_URL: 'http://localhost:4001',
    };
    expect(loadConfig({ ...environment, ENVIRONMENT: 'production' }).simulatorsUrl).toBe(null);
    expect(loadConfig(environment).simulatorsUrl).toBe('http://localhost:4001');
  });
});
