import type { TestApp } from '../helpers/app.ts';
import { TENANT_A } from './population.ts';
import { tenantTables } from './tables.ts';

/** What a transaction that works for a customer sees of each table. A new table must be thought about. */
const SEES: Readonly<Record<string, 'OWN' | 'NOTHING' | { readonly all: string }>> = {
  users: 'OWN',
  sessions: 'OWN',
  orders: 'OWN',
  bookings: 'OWN',
  payments: 'OWN',
  invoices: 'OWN',
  operations: 'OWN',
  email_senders: 'NOTHING',
  mail_templates: 'NOTHING',
  mail_messages: 'NOTHING',
  mail_suppressions: 'NOTHING',
  marketing_pauses: 'NOTHING',
  one_time_tokens: 'NOTHING',
  newsletter_subscriptions: 'NOTHING',
  refunds: 'OWN',
  webhook_deliveries: 'NOTHING',
  webhook_rejections: 'NOTHING',
  audit_entries: 'NOTHING',
  api_keys: 'NOTHING',
  credentials: 'NOTHING',
  ledger_accounts: 'OWN',
  ledger_transactions: 'OWN',
  ledger_entries: 'OWN',
  ledger_holds: 'OWN',
  ledger_days: 'NOTHING',
  loyalty_lots: 'OWN',
  loyalty_rules: { all: 'how one earns is told to those who shall' },
  packages: 'OWN',
  routing_decisions: 'NOTHING',
  provider_usage: 'NOTHING',
  fault_drills: 'NOTHING',
  provider_slots: { all: 'who may serve a search is decided in the transaction of whoever searches' },
  package_policies: { all: 'how a package of one’s own is taken back' },
  business_hours: { all: 'when the shop is open' },
  hours_exceptions: { all: 'when the shop is open' },
  booking_rules: { all: 'how the shop is booked' },
  resources: { all: 'of whom or what a time is booked' },
  product_resources: { all: 'of whom or what a time is booked' },
  allocations: { all: 'taken times say nothing of whoever took them' },
  products: { all: 'the shop window' },
  feature_flags: { all: 'what the shop offers is told to whoever comes by' },
  stock_takings: { all: 'numbers; taken and given back in the transaction of whoever orders' },
  order_items: {
    all: 'reached through their order only, which is its owner’s; a policy would look that order up for every line',
  },
  inquiries: { all: 'reached through an operation of one’s own, by an id of 122 random bits' },
  refresh_tokens: { all: 'hashes of random tokens, found by the token only' },
  tenants: { all: 'the shop’s name and currency are shown to its customers' },
  tenant_logos: { all: 'the picture on their own invoices, which are issued in their transactions' },
  portal_configs: { all: 'the origins that a payment may return to' },
  payment_gateway_configs: { all: 'whether there is a gateway; its credentials are elsewhere' },
  number_counters: { all: 'counted in the transaction of whoever pays' },
  streams: { all: 'numbers' },
  events: { all: 'ids and codes; delivered by the hub, which knows whose they are' },
  rate_budgets: { all: 'numbers' },
};

/** The victim's rows of a table, as the owner of the tables would find them. */
const VICTIMS: Readonly<Record<string, string>> = {
  users: 'id = $1',
  sessions: 'user_id = $1',
  orders: 'customer_id = $1',
  bookings: 'customer_id = $1',
  payments: 'customer_id = $1',
  invoices: 'customer_id = $1',
  operations: "actor = 'user:' || $1",
  refunds: 'payment_id = any (select id from payments where customer_id = $1)',
  ledger_accounts: 'holder_id = $1',
  ledger_entries: 'holder_id = $1',
  ledger_holds: 'holder_id = $1',
  loyalty_lots: 'customer_id = $1',
  packages: 'customer_id = $1',
  ledger_transactions: 'id = any (select transaction_id from ledger_entries where holder_id = $1)',
};

export interface CustomerProof {
  readonly tables: number;
  readonly probes: number;
  readonly leaks: readonly string[];
}

/** Every table as a transaction of another customer of the same tenant sees it, with the victim's own as the control. */
export async function proveCustomers(
  world: TestApp,
  victim: string,
  peer: string,
  only?: string,
): Promise<CustomerProof> {
  const tables = (await tenantTables(world)).filter((table) => only === undefined || table === only);
  const leaks: string[] = [];
  let probes = 0;
  for (const table of tables) {
    const sees = SEES[table];
    if (sees === undefined) throw new Error(`Say in SEES what a customer sees of ${table}, and why.`);
    if (typeof sees === 'object') continue;
    probes += 1;
    leaks.push(...(sees === 'OWN' ? await ownOnly(world, table, victim, peer) : await nothing(world, table, victim)));
  }
  return { tables: tables.length, probes, leaks };
}

async function idsSeen(world: TestApp, table: string, customerId: string | null): Promise<string[]> {
  return world.app.db.read({ tenantId: TENANT_A, customerId }, async (tx) => {
    const rows = await tx.query<{ id: string }>(`select md5(t::text) as id from ${table} t`);
    return rows.map(({ id }) => id);
  });
}

async function ownOnly(world: TestApp, table: string, victim: string, peer: string): Promise<string[]> {
  const condition = VICTIMS[table]!.replaceAll('$1', `'${victim}'`);
  const theirs = await world.owner<{ id: string }>(
    `select md5(t::text) as id from ${table} t where tenant_id = '${TENANT_A}' and ${condition}`,
  );
  const wanted = new Set(theirs.map(({ id }) => id));
  const [byVictim, byPeer] = [await idsSeen(world, table, victim), await idsSeen(world, table, peer)];
  const found: string[] = [];
  if (wanted.size === 0 || byVictim.length !== wanted.size || byVictim.some((id) => !wanted.has(id))) {
    found.push(
      `${table}: a customer sees ${byVictim.length} rows instead of their own ${wanted.size}, so nothing was proven`,
    );
  }
  if (byPeer.some((id) => wanted.has(id))) found.push(`${table}: a customer reads another customer's rows`);
  return found;
}

async function nothing(world: TestApp, table: string, victim: string): Promise<string[]> {
  const [byCustomer, byStaff] = [await idsSeen(world, table, victim), await idsSeen(world, table, null)];
  if (byStaff.length === 0) return [`${table}: there is nothing to see, so nothing was proven`];
  return byCustomer.length > 0 ? [`${table}: a customer reads what is for staff only`] : [];
}
