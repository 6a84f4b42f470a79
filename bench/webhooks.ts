import { createHmac, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { Database } from '../src/db.ts';
import { createIdSource } from '../src/ids.ts';
import { keepSecretKey } from '../src/launch/secrets.ts';
import { writeGatewayConfig } from '../src/resolvers/gatewayConfig.ts';
import { createVault } from '../src/vault.ts';
import { startPortolan } from './contestants.ts';
import { onDatabase, type BenchDatabase } from './database.ts';
import { operatorId, SIZE, SPECIAL, tenantId } from './dataset.ts';
import { cpuMs, freePort, startProcess, untilReady } from './processes.ts';
import { wireText } from './queries.ts';
import { startLoad } from './speed.ts';

const CONNECTIONS_MADE_AT_ONCE = 16;
const AMOUNT_MINOR = 11_400;
const METHOD = 'Visa-Mastercard';

export interface WebhookResults {
  readonly delivered: number;
  readonly settled: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One of the simulated vendor's accounts, a tenant's each. */
interface Account {
  readonly tenant: number;
  readonly apiKey: string;
  readonly vendorKey: string;
}

interface Invoice {
  readonly account: Account;
  readonly id: string;
  readonly key: string;
}

/**
 * Paid webhooks with real signatures, 16 at a time, over 20 tenants: each is stored, checked, asked back at the simulated gateway, and
 * settled with ledger, invoice and events. Counts only what the database says was settled, each once.
 */
export async function measureWebhooks(
  database: BenchDatabase,
  count: number,
  log: (line: string) => void,
  nodeArgs: readonly string[] = [],
): Promise<WebhookResults> {
  const port = await freePort();
  const books = join(database.dataDir, 'vendor');
  rmSync(books, { recursive: true, force: true });
  const simulators = startProcess({
    file: 'src/integrations/simulators.ts',
    env: { SIMULATORS_PORT: String(port), DATA_DIR: books },
  });
  const vendor = `http://127.0.0.1:${port}`;
  const load = await startLoad();
  try {
    await untilReady(simulators, `${vendor}/_control/fawaterk/book`);
    const accounts = await openAccounts(database, vendor);
    const invoices = await payInvoices(vendor, accounts, count);
    const before = await settledIn(database);
    await insertPayments(database, invoices);
    const portolan = await startPortolan(database, {
      name: 'webhooks',
      nodeArgs,
      variables: { FAWATERK_BASE_URL: `${vendor}/fawaterk/api/v2` },
    });
    try {
      log(`  ${count} paid webhooks over ${accounts.length} tenants ...`);
      const requests = invoices.map(hookRequest);
      // The first few find cold caches.
      await load.run({
        port: portolan.port,
        requests: requests.slice(0, WARM),
        seconds: 60,
        once: true,
        good: ACCEPTED,
      });
      const cpuBefore = [cpuMs(portolan.pid), cpuMs(simulators.pid)];
      const result = await load.run({
        port: portolan.port,
        requests: requests.slice(WARM),
        seconds: 120,
        once: true,
        good: ACCEPTED,
      });
      const [ours, theirs] = [portolan.pid, simulators.pid].map(
        (pid, index) => ((cpuMs(pid) ?? 0) - (cpuBefore[index] ?? 0)) / result.answers,
      );
      log(`  CPU a webhook: ${ours!.toFixed(2)} ms ours, ${theirs!.toFixed(2)} ms the simulated vendor's`);
      const settled = await checkSettled(database, before, count);
      return {
        delivered: count,
        settled,
        perSecond: result.answers / result.seconds,
        p50Ms: result.p50Ms,
        p99Ms: result.p99Ms,
      };
    } finally {
      await portolan.stop();
    }
  } finally {
    await Promise.all([simulators.stop(), load.stop()]);
  }
}

const WARM = 200;
const ACCEPTED = '"verdict":"ACCEPTED"';

async function openAccounts(database: BenchDatabase, vendor: string): Promise<Account[]> {
  const accounts = Array.from({ length: SIZE.hookTenants }, (_, index) => ({
    tenant: SPECIAL.firstHook + index,
    apiKey: `bench_api_${index}_key`,
    vendorKey: `bench_vendor_${index}_key`,
  }));
  const clock = { now: () => new Date() };
  const vault = createVault({
    current: { version: 1, secret: keepSecretKey(database.dataDir) },
    older: [],
    randomBytes,
  });
  const db = new Database({
    url: database.appUrl,
    poolSize: 1,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    applicationName: 'portolan-bench-accounts',
    nowMs: () => performance.now(),
  });
  const author = { name: 'bench', clock, newId: createIdSource(clock, randomBytes) };
  for (const { tenant, apiKey, vendorKey } of accounts) {
    const credentials = [
      { name: 'API_KEY', value: apiKey },
      { name: 'VENDOR_KEY', value: vendorKey },
    ];
    const scope = { tenantId: tenantId(tenant), customerId: null };
    await db.write(scope, (tx) =>
      writeGatewayConfig({ author, vault }, tx, scope.tenantId, {
        gateway: 'FAWATERK',
        enabled: true,
        testMode: true,
        credentials,
      }),
    );
    // No address of ours: the bench delivers by itself, as fast as it is answered.
    await ask(`${vendor}/_control/fawaterk/accounts/${tenant}`, {
      method: 'PUT',
      body: JSON.stringify({ apiKey, vendorKey }),
    });
  }
  await db.close();
  return accounts;
}

/** Invoices at the vendor, each paid there already. */
async function payInvoices(vendor: string, accounts: readonly Account[], count: number): Promise<Invoice[]> {
  const invoices: Invoice[] = [];
  let next = 0;
  const makeSome = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const account = accounts[index % accounts.length]!;
      const body = {
        payment_method_id: 2,
        cartTotal: '114.00',
        currency: 'EGP',
        customer: { first_name: 'Given', last_name: 'Family' },
        cartItems: [{ name: 'Day trip', price: '114.00', quantity: '1' }],
        payLoad: { payment_id: paymentId(index) },
      };
      const made = (await ask(`${vendor}/fawaterk/api/v2/invoiceInitPay`, {
        method: 'POST',
        headers: { authorization: `Bearer ${account.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })) as {
        data: { invoice_id: number; invoice_key: string };
      };
      await ask(`${vendor}/fawaterk/pay/${made.data.invoice_key}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"action":"pay"}',
      });
      invoices[index] = { account, id: String(made.data.invoice_id), key: made.data.invoice_key };
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS_MADE_AT_ONCE }, makeSome));
  return invoices;
}

async function ask(url: string, init: RequestInit): Promise<unknown> {
  const answer = await fetch(url, init);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`The simulators refused ${url}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

const RUN = randomBytes(4).toString('hex');

function rowId(kind: string, index: number): string {
  return `${RUN}-0000-4000-${kind}-${index.toString(16).padStart(12, '0')}`;
}

const paymentId = (index: number): string => rowId('8001', index);

/** Issued orders of one line and their pending payments. References and keys of earlier runs make way: the simulator counts from the start again. */
async function insertPayments(database: BenchDatabase, invoices: readonly Invoice[]): Promise<void> {
  const rows = invoices.map(({ account, id, key }, index) => ({
    tenant_id: tenantId(account.tenant),
    order_id: rowId('8002', index),
    payment_id: paymentId(index),
    customer_id: operatorId(account.tenant),
    number: `${RUN}-${index}`,
    reference: id,
    key,
  }));
  const shape =
    'jsonb_to_recordset($1) as r (tenant_id uuid, order_id uuid, payment_id uuid, customer_id uuid, number text, reference text, key text)';
  await onDatabase(database.ownerUrl, async (client) => {
    await client.query(
      `update payments set gateway_reference = id::text, gateway_key = id::text
       where tenant_id = any ($1) and (gateway_reference, gateway_key) is distinct from (id::text, id::text)`,
      [[...new Set(rows.map((row) => row.tenant_id))]],
    );
    const values = [JSON.stringify(rows)];
    const net = Math.round(AMOUNT_MINOR / 1.14);
    await client.query(
      `insert into orders (tenant_id, id, type, status, payment_status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at)
       select tenant_id, order_id, 'MANUAL_INVOICE', 'DRAFT', 'PENDING', customer_id, 'EGP', ${net}, ${AMOUNT_MINOR - net}, ${AMOUNT_MINOR}, now() from ${shape}`,
      values,
    );
    await client.query(
      `insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, tax_rate, net_minor, tax_minor, gross_minor)
       select tenant_id, order_id, 1, '{"en": "Day trip"}', 1, ${net}, '14', ${net}, ${AMOUNT_MINOR - net}, ${AMOUNT_MINOR} from ${shape}`,
      values,
    );
    await client.query(
      `update orders o set status = 'ISSUED', number = r.number, issued_at = now() from ${shape} where o.tenant_id = r.tenant_id and o.id = r.order_id`,
      values,
    );
    await client.query(
      `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor, currency_code, gateway_reference, gateway_key, created_at)
       select tenant_id, payment_id, order_id, customer_id, 'FAWATERK', '2', '${METHOD}', 'REDIRECT', 'PENDING', ${AMOUNT_MINOR}, 'EGP', reference, key, now() from ${shape}`,
      values,
    );
    await client.query('analyze orders, order_items, payments');
  });
}

/** As the vendor signs and sends it (payment-gateways.md 1.5). */
function hookRequest({ account, id, key }: Invoice): string {
  const hashKey = createHmac('sha256', account.vendorKey)
    .update(`InvoiceId=${id}&InvoiceKey=${key}&PaymentMethod=${METHOD}`)
    .digest('hex');
  const body = JSON.stringify({
    hashKey,
    invoice_key: key,
    invoice_id: Number(id),
    payment_method: METHOD,
    invoice_status: 'paid',
    paidAmount: '114.00',
    paidCurrency: 'EGP',
    referenceNumber: '912345678',
  });
  return wireText({ path: `/webhooks/payments/fawaterk/bench-${account.tenant}?_json`, headers: {}, body });
}

interface Settled {
  readonly payments: number;
  readonly orders: number;
  readonly invoices: number;
  readonly postings: number;
}

async function settledIn(database: BenchDatabase): Promise<Settled> {
  const tenants = Array.from({ length: SIZE.hookTenants }, (_, index) => tenantId(SPECIAL.firstHook + index));
  return onDatabase(database.ownerUrl, async (client) => {
    const { rows } = await client.query<Settled>(
      `select (select count(*)::int from payments where tenant_id = any ($1) and status = 'PAID') as payments,
        (select count(*)::int from orders where tenant_id = any ($1) and status = 'PAID' and paid_minor = total_minor) as orders,
        (select count(*)::int from invoices where tenant_id = any ($1)) as invoices,
        (select count(*)::int from ledger_transactions where tenant_id = any ($1)) as postings`,
      [tenants],
    );
    return rows[0]!;
  });
}

/** @throws Error where something was settled twice or not at all. */
async function checkSettled(database: BenchDatabase, before: Settled, count: number): Promise<number> {
  const after = await settledIn(database);
  for (const name of ['payments', 'orders', 'invoices', 'postings'] as const) {
    if (after[name] - before[name] !== count)
      throw new Error(`${count} webhooks gave ${after[name] - before[name]} ${name}.`);
  }
  return after.payments - before.payments;
}
