/** `npm run demo`: the whole main job against the running server, each step with its answer. Needs `npm start` in another terminal. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

interface Login {
  readonly email: string;
  readonly password: string;
}
interface Demo {
  readonly url: string;
  readonly portalKey: string;
  readonly customer: Login;
  readonly operator: Login;
}

type Json = Record<string, unknown>;

const dataDir = process.env['DATA_DIR'] || '.data';
const demo = readDemo();
let steps = 0;

function readDemo(): Demo {
  try {
    return JSON.parse(readFileSync(path.join(dataDir, 'demo.json'), 'utf8')) as Demo;
  } catch {
    process.stderr.write(`No ${path.join(dataDir, 'demo.json')}: run "npm start" first, and leave it running.\n`);
    process.exit(1);
  }
}

function say(title: string, answer: unknown): void {
  steps += 1;
  process.stdout.write(
    `\n${steps}. ${title}\n${typeof answer === 'string' ? answer : JSON.stringify(answer, null, 2)}\n`,
  );
}

async function ask<T>(document: string, variables: Json, accessToken?: string): Promise<T> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'x-api-key': demo.portalKey };
  if (accessToken) headers['authorization'] = `Bearer ${accessToken}`;
  const response = await fetch(demo.url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query: document, variables }),
  });
  const body = (await response.json()) as { data?: T; errors?: unknown };
  if (!body.data || body.errors) throw new Error(`The server refused: ${JSON.stringify(body.errors)}`);
  return body.data;
}

/** The result of a mutation's payload, or its user errors as a failure. */
function resultOf<T>(payload: Json & { userErrors: unknown[] }, field: string): T {
  if (payload.userErrors.length > 0) throw new Error(`Refused: ${JSON.stringify(payload.userErrors)}`);
  return payload[field] as T;
}

async function logIn(login: Login): Promise<{ accessToken: string; user: { id: string } }> {
  const data = await ask<{ login: Json & { userErrors: unknown[] } }>(
    'mutation LogIn($input: LoginInput!) { login(input: $input) { session { accessToken expiresAt user { id email role } } userErrors { code message } } }',
    { input: login },
  );
  return resultOf(data.login, 'session');
}

/** Watches a subscription over server-sent events until `enough` says so. */
async function watch(accessToken: string, orderId: string, enough: (events: Json[]) => boolean): Promise<Json[]> {
  const response = await fetch(demo.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${accessToken}`,
    },
    body: JSON.stringify({
      query:
        'subscription Watch($orderId: ID) { orderStatusChanged(orderId: $orderId) { cursor previousStatus status order { number paymentStatus } } }',
      variables: { orderId },
    }),
  });
  const events: Json[] = [];
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: ?(.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data) events.push(JSON.parse(data) as Json);
      if (enough(events)) return events;
    }
  }
  return events;
}

/** The same with another of the shop's gateways: its currency decides, and the customer goes there by a form on a page of ours. */
async function payByForm(accessToken: string, customer: { accessToken: string; user: { id: string } }): Promise<void> {
  const { createOrder } = await ask<{ createOrder: Json & { userErrors: unknown[] } }>(
    'mutation Rand($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code message } } }',
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId: customer.user.id,
        currencyCode: 'ZAR',
        items: [
          { description: [{ locale: 'en', text: 'Table Mountain, half a day' }], quantity: 1, unitPrice: '950.00' },
        ],
      },
    },
    accessToken,
  );
  const { id } = resultOf<{ id: string }>(createOrder, 'order');
  await ask(
    'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { userErrors { code } } }',
    { input: { orderId: id } },
    accessToken,
  );
  const { paymentMethods } = await ask<{ paymentMethods: { id: string }[] }>(
    'query ($id: ID!) { paymentMethods(orderId: $id) { id name gateway } }',
    { id },
    customer.accessToken,
  );
  say('How an order in rand can be paid', paymentMethods);
  const { payOrder } = await ask<{ payOrder: Json & { userErrors: unknown[] } }>(
    'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code message } } }',
    { input: { orderId: id, methodId: paymentMethods[0]!.id } },
    customer.accessToken,
  );
  const payment = resultOf<{ paymentUrl: string }>(payOrder, 'payment');
  say('The customer gets a page of ours, which posts a signed form', payment);
  const html = await (await fetch(payment.paymentUrl)).text();
  const text = (coded = '') => coded.replace(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code)));
  const fields = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  const hosted = await fetch(text(/action="([^"]*)"/.exec(html)?.[1]), {
    method: 'POST',
    body: new URLSearchParams(fields.map(([, name, value]) => [text(name), text(value)])),
  });
  const paid = await fetch(hosted.url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: 'action=pay',
  });
  say('The form leads to the simulated page of PayFast, where the customer pays', await paid.text());
  say('Its notification is checked four times, and the order is paid', await waitUntilPaid(id, customer.accessToken));
}

async function waitUntilPaid(id: string, accessToken: string): Promise<unknown> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { order } = await ask<{ order: { status: string } }>(
      'query ($id: ID!) { order(id: $id) { number status payments { gateway status } invoice { number } } }',
      { id },
      accessToken,
    );
    if (order.status === 'PAID') return order;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('The order was not paid within ten seconds.');
}

async function main(): Promise<void> {
  const operator = await logIn(demo.operator);
  const customer = await logIn(demo.customer);
  say('An operator and a customer sign in', { operator: demo.operator.email, customer: demo.customer.email });

  const created = await ask<{ createOrder: Json & { userErrors: unknown[] } }>(
    `mutation Create($input: CreateOrderInput!) {
      createOrder(input: $input) { order { id status items { description lineTotal { amount } } total { amount currencyCode } } userErrors { code message field } } }`,
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId: customer.user.id,
        idempotencyKey: `demo-${process.pid}-${performance.now()}`,
        items: [
          {
            description: [
              { locale: 'en', text: 'Nile cruise, two nights' },
              { locale: 'ar', text: 'رحلة نيلية، ليلتان' },
            ],
            quantity: 2,
            unitPrice: '75.00',
            taxRate: '14',
          },
        ],
      },
    },
    operator.accessToken,
  );
  const order = resultOf<{ id: string }>(created.createOrder, 'order');
  say('The operator makes an order for the customer', order);

  const issued = await ask<{ issueOrder: Json & { userErrors: unknown[] } }>(
    'mutation Issue($input: IssueOrderInput!) { issueOrder(input: $input) { order { number status amountDue { amount } } userErrors { code message } } }',
    { input: { orderId: order.id } },
    operator.accessToken,
  );
  say('Issuing gives it a number and freezes it', resultOf(issued.issueOrder, 'order'));

  const watching = watch(operator.accessToken, order.id, (events) => events.length > 0);
  const { paymentMethods } = await ask<{ paymentMethods: { id: string; kind: string }[] }>(
    'query Methods($orderId: ID!) { paymentMethods(orderId: $orderId) { id name kind gateway } }',
    { orderId: order.id },
    customer.accessToken,
  );
  say('How the customer can pay', paymentMethods);

  const method = paymentMethods.find((offered) => offered.kind === 'REDIRECT')!;
  const started = await ask<{ payOrder: Json & { userErrors: unknown[] } }>(
    'mutation Pay($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code message } } }',
    { input: { orderId: order.id, methodId: method.id } },
    customer.accessToken,
  );
  const payment = resultOf<{ paymentUrl: string }>(started.payOrder, 'payment');
  say('The customer gets the address of the pay page', payment);

  const page = await fetch(payment.paymentUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: 'action=pay',
  });
  say('The customer presses "pay" on the page of the simulated gateway', await page.text());
  say('Its webhook arrives, the gateway is asked back, the order is paid, and who watches sees it', await watching);

  const { order: paid } = await ask<{ order: { invoice: { number: string; pdfUrl: string } } & Json }>(
    'query Paid($id: ID!) { order(id: $id) { number status paymentStatus amountPaid { amount currencyCode } payments { status method } invoice { number issuedAt pdfUrl } } }',
    { id: order.id },
    customer.accessToken,
  );
  say('The order, as the customer sees it', paid);

  const pdf = Buffer.from(await (await fetch(paid.invoice.pdfUrl)).arrayBuffer());
  const file = path.join(dataDir, `${paid.invoice.number}.pdf`);
  writeFileSync(file, pdf, { mode: 0o600 });
  say('The invoice', `${file}: ${pdf.length} bytes, ${pdf.subarray(0, 8).toString('latin1')}`);

  await payByForm(operator.accessToken, customer);

  const journal = await ask<Json>(
    '{ webhookDeliveries(first: 1) { nodes { verdict detail receivedAt } } }',
    {},
    operator.accessToken,
  );
  say('What the webhook journal says', journal);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`\nThe demo stopped: ${(error as Error).message}\n`);
  process.exit(1);
}
