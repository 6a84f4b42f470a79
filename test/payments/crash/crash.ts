import pg from 'pg';

import { brokenLaws } from '../../helpers/books.ts';
import { createSeededDatabase } from '../../helpers/database.ts';
import { askingAny, killingWhile, type Kills } from '../../helpers/raging.ts';
import { freePort } from '../../helpers/ports.ts';
import { SECRET_KEY, seedAt, type Seed } from '../../helpers/seed.ts';
import { startSimulators, type Simulators } from '../../helpers/simulators.ts';
import { Child, forkApi } from '../../live/storm/children.ts';
import { pause, Random } from '../../live/storm/random.ts';
import { differences } from './differences.ts';
import { shopOnce, type Counts, type Shop } from './shopper.ts';

const SHOPPERS = 12;
const SETTLE_MS_MAX = 300_000;

/** Of every kind that a gateway is known for, at once: lost answers, lost, late and repeated webhooks, outages. */
const RULES = [
  { operation: 'invoiceInitPay', fault: 'status5xxAfter', probability: 0.03 },
  { operation: 'invoiceInitPay', fault: 'resetAfter', probability: 0.03 },
  { operation: 'invoiceInitPay', fault: 'status5xx', probability: 0.02 },
  { operation: 'getInvoiceData', fault: 'resetBefore', probability: 0.05 },
  { operation: 'refundCreate', fault: 'status5xxAfter', probability: 0.05 },
  { operation: 'refundCreate', fault: 'resetAfter', probability: 0.05 },
  { operation: 'refundCreate', fault: 'resetBefore', probability: 0.03 },
  { operation: 'pay', fault: 'lostWebhook', probability: 0.1 },
  { operation: 'pay', fault: 'duplicateWebhook', probability: 0.15 },
  { operation: 'pay', fault: 'lateWebhook', probability: 0.1, ms: 3_000 },
  { operation: 'approve', fault: 'lostWebhook', probability: 0.2 },
  { operation: 'approve', fault: 'duplicateWebhook', probability: 0.2 },
];

export interface CrashResult extends Counts {
  readonly seed: number;
  readonly kills: Readonly<Kills>;
  /** What ours, the vendor's books and the ledger do not agree on, and the laws that are broken: empty where all is well. */
  readonly differences: readonly string[];
}

type Query = <T = any>(text: string, values?: readonly unknown[]) => Promise<T[]>;

/**
 * Payments and refunds through two processes of ours that are killed at random, against a gateway that misbehaves in every way; then the
 * time for polls comes, and the three sets of books are compared to the last unit.
 */
export async function crash(seed: number, actions: number): Promise<CrashResult> {
  const random = new Random(seed);
  const database = await createSeededDatabase();
  const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
  pool.on('error', () => undefined);
  const owner: Query = async (text, values = []) => (await pool.query(text, values as unknown[])).rows;
  const simulators = await startSimulators();
  const ports = [await freePort(), await freePort()];
  const children = ports.map(
    (port) =>
      new Child(() =>
        forkApi({
          ROLE: 'all',
          DATABASE_URL: database.appUrl,
          SECRET_KEY,
          PORT: String(port),
          APP_BASE_URL: `http://127.0.0.1:${ports[0]}`,
          SIMULATORS_URL: simulators.url,
          DATABASE_POOL_SIZE: '6',
        }),
      ),
  );
  const counts: Counts = { payments: 0, refunds: 0, unknown: 0 };
  try {
    const shop = await openShop({
      seed: seedAt(`http://127.0.0.1:${ports[0]}`, database.seed),
      ports,
      simulators,
      random,
      owner,
    });
    const kills = await rage(shop, { children, ports, owner, actions, counts, seed });
    const open = await settleAll(owner, simulators);
    const found = [...open, ...(await differences(owner, simulators)), ...Object.keys(await brokenLaws({ owner }))];
    return { seed, ...counts, kills, differences: found };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    await simulators.stop();
    await pool.end();
    await database.drop();
  }
}

async function openShop(of: {
  seed: Seed;
  ports: readonly number[];
  simulators: Simulators;
  random: Random;
  owner: Query;
}): Promise<Shop> {
  const { facts, simulatorAccounts } = of.seed;
  for (const { integration, id, settings } of simulatorAccounts)
    await of.simulators.register(integration, id, {
      ...settings,
      retryDelaysMs: [100, 300],
      ...(integration === 'fawaterk' && { refundApprovalMs: 200 }),
    });
  await of.simulators.scenario({ account: facts.tenantSlug, rules: RULES });
  const ask = askingAny(of.ports, of.random, PASSING);
  const signIn = async (login: object) => {
    const { login: payload } = await ask(
      '',
      'mutation ($input: LoginInput!) { login(input: $input) { session { accessToken user { id } } } }',
      { input: login, key: facts.portalKey },
    );
    return payload.session as { accessToken: string; user: { id: string } };
  };
  const [operator, customer] = [await signIn(facts.operator), await signIn(facts.customer)];
  await fillWallet(of.owner, customer.user.id);
  const method = (name: string) => Buffer.from(`PaymentMethod:${name}`).toString('base64url');
  return {
    ask,
    simulators: of.simulators,
    operator: operator.accessToken,
    customer: customer.accessToken,
    customerId: customer.user.id,
    methodId: method('FAWATERK:2'),
    walletMethodId: method('WALLET:balance'),
    random: of.random,
  };
}

const PASSING = new Set(['OPERATION_IN_FLIGHT', 'PAYMENT_PENDING', 'GATEWAY_UNAVAILABLE', 'OVERLOADED', 'INTERNAL']);
const WALLET_MINOR = 100_000_000;

async function fillWallet(owner: Query, customerGlobalId: string): Promise<void> {
  const holder = Buffer.from(customerGlobalId, 'base64url').toString().split(':')[1]!;
  const nil = '00000000-0000-0000-0000-000000000000';
  await owner(
    `select set_config('app.tenant_id', $1, false), post_ledger(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'kind', 'ADJUSTMENT',
       'subjectId', gen_random_uuid(), 'currencyCode', 'EGP', 'occurredAt', now(), 'entries', jsonb_build_array(
         jsonb_build_object('kind', 'ADJUSTMENTS_GIVEN', 'holderId', '${nil}', 'amountMinor', '${WALLET_MINOR}'),
         jsonb_build_object('kind', 'WALLET', 'holderId', $2::text, 'amountMinor', '-${WALLET_MINOR}')))), '[]')`,
    ['00000000-0000-4000-8000-0000000000d1', holder],
  );
}

async function rage(
  shop: Shop,
  of: {
    children: readonly Child[];
    ports: readonly number[];
    owner: Query;
    actions: number;
    counts: Counts;
    seed: number;
  },
): Promise<Readonly<Kills>> {
  let next = 0;
  return killingWhile({ ...of, random: shop.random }, async (kills) => {
    // However quick the machine is: nothing is shown before somebody was killed.
    const done = () => of.counts.payments + of.counts.refunds >= of.actions && kills.process > 0;
    const shopping = async () => {
      while (!done()) await shopOnce(shop, `s${of.seed}-${next++}`, of.counts);
    };
    await Promise.all(Array.from({ length: SHOPPERS }, shopping));
  });
}

/** Whatever waits for its time is due now, again and again, until nothing is open. @returns what stayed open */
async function settleAll(owner: Query, simulators: Simulators): Promise<string[]> {
  const slug = 'demo';
  await simulators.scenario({ account: slug, rules: [] });
  const until = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    await owner(
      `update payments set next_poll_at = now() where status in ('PENDING', 'FAILED', 'EXPIRED') and gateway_reference is not null and gateway <> 'WALLET'`,
    );
    await owner("update refunds set next_poll_at = now() where status = 'REQUESTED'");
    await owner(
      "update webhook_deliveries set received_at = received_at - interval '2 minutes' where processed_at is null",
    );
    await pause(2_500);
    const open = await stillOpen(owner, simulators);
    if (open.length === 0 || performance.now() > until) return open;
  }
}

async function stillOpen(owner: Query, simulators: Simulators): Promise<string[]> {
  const { invoices } = await simulators.book('demo');
  const paid = invoices.filter(({ state }) => state === 'paid').map(({ invoiceId }) => String(invoiceId));
  const unsettled = await owner<{ id: string }>(
    'select id from payments where gateway_reference = any ($1) and captured_minor = 0',
    [paid],
  );
  const refunds = await owner<{ id: string }>("select id from refunds where status = 'REQUESTED'");
  const deliveries = await owner<{ id: string }>('select id from webhook_deliveries where processed_at is null');
  return [
    ...unsettled.map(({ id }) => `payment ${id} is paid at the gateway and not settled`),
    ...refunds.map(({ id }) => `refund ${id} is still requested`),
    ...deliveries.map(({ id }) => `delivery ${id} has no verdict`),
  ];
}
