import { encodeGlobalId } from '../src/global-id.ts';
import { orderId, SIZE, tenantId, tenantOfOrder } from './dataset.ts';

/** Q1: a tenant's latest 20 orders with customer, items, payments, invoice, bookings. Q2: one order with the same. Q3: nothing at all. */
export type QueryName = 'q1' | 'q2' | 'q3';
export const QUERY_NAMES: readonly QueryName[] = ['q1', 'q2', 'q3'];

/** Tenants whose operators ask, in turn. */
export const ASKING_TENANTS = 50;
const ORDERS_ASKED = 2_000;

const FIELDS = `
  id number status paymentStatus createdAt total { amount currencyCode }
  customer { id email firstName lastName }
  items { description quantity unitPrice { amount } lineTotal { amount } }
  payments { id gateway method status createdAt amount { amount } }
  invoice { id number issuedAt total { amount } }
  bookings { id reference kind status start end amount { amount } }`;

export const PORTOLAN: Readonly<Record<QueryName, string>> = {
  q1: `query LatestOrders($first: Int!) { orders(first: $first) { nodes {${FIELDS} } pageInfo { hasNextPage endCursor } } }`,
  q2: `query OneOrder($id: ID!) { order(id: $id) {${FIELDS} } }`,
  q3: '{ __typename }',
};

const AMBER_FIELDS = `
  rowId number status paymentStatus createdAt totalMinor currencyCode
  userByTenantIdAndCustomerId { rowId email firstName lastName }
  orderItemsByTenantIdAndOrderId(orderBy: POSITION_ASC) { nodes { descriptions quantity unitPriceMinor grossMinor } }
  paymentsByTenantIdAndOrderId(orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) { nodes { rowId gateway method status createdAt amountMinor } }
  invoicesByTenantIdAndOrderId { nodes { rowId number issuedAt totalMinor } }
  bookingsByTenantIdAndOrderId(orderBy: [CREATED_AT_ASC, ROW_ID_ASC]) { nodes { rowId reference kind status startsAt endsAt amountMinor } }`;

export const POSTGRAPHILE: Readonly<Record<QueryName, string>> = {
  q1: `query LatestOrders($tenant: UUID!, $first: Int!) {
    allOrders(condition: {tenantId: $tenant}, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], first: $first) { nodes {${AMBER_FIELDS} } pageInfo { hasNextPage endCursor } } }`,
  q2: `query OneOrder($tenant: UUID!, $id: UUID!) { orderByTenantIdAndRowId(tenantId: $tenant, rowId: $id) {${AMBER_FIELDS} } }`,
  q3: '{ __typename }',
};

/** What one request asks for: the same questions in the same order for every contestant. */
export interface Question {
  readonly tenant: number;
  /** For Q2. */
  readonly order: number;
}

export function questionsOf(query: QueryName): Question[] {
  if (query !== 'q2') return Array.from({ length: ASKING_TENANTS }, (_, tenant) => ({ tenant, order: -1 }));
  return Array.from({ length: ORDERS_ASKED }, (_, index) => {
    const tenant = index % ASKING_TENANTS;
    // Spread over each tenant's 500 orders.
    const order = tenant + SIZE.tenants * ((Math.floor(index / ASKING_TENANTS) * 37) % SIZE.ordersPerTenant);
    return { tenant: tenantOfOrder(order), order };
  });
}

export interface Asking {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function askPortolan(query: QueryName, { order }: Question, token: string, first = 20): Asking {
  const variables = { q1: { first }, q2: { id: encodeGlobalId('Order', orderId(order)) }, q3: undefined }[query];
  return {
    path: '/graphql',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: PORTOLAN[query], variables }),
  };
}

export function askPostgraphile(query: QueryName, { tenant, order }: Question): Asking {
  const variables = {
    q1: { tenant: tenantId(tenant), first: 20 },
    q2: { tenant: tenantId(tenant), id: orderId(order) },
    q3: undefined,
  }[query];
  return { path: '/graphql', headers: {}, body: JSON.stringify({ query: POSTGRAPHILE[query], variables }) };
}

/** The hand-written server has a path per query and takes its values as they are. */
export function askRaw(query: QueryName, { tenant, order }: Question): Asking {
  return { path: `/${query}`, headers: {}, body: JSON.stringify({ tenant: tenantId(tenant), order: orderId(order) }) };
}

/** A whole request as it goes over the wire. */
export function wireText({ path, headers, body }: Asking): string {
  const lines = Object.entries({
    host: '127.0.0.1',
    'content-type': 'application/json',
    accept: 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  });
  return `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}
