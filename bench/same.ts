import { isDeepStrictEqual } from 'node:util';

import { decodeGlobalId } from '../src/global-id.ts';
import { askingsOf } from './askings.ts';
import type { Contestant, ContestantName, TokenMaker } from './contestants.ts';
import type { QueryName } from './queries.ts';

/** Answers are held against each other where they are the dearest: whoever leaves something out would win unfairly. */
const SAMPLES = 20;

type Json = Readonly<Record<string, unknown>>;

/** @throws Error where two contestants say different things about the same order. */
export async function compareAnswers(
  contestants: ReadonlyMap<ContestantName, Contestant>,
  tokens: TokenMaker,
): Promise<void> {
  for (const query of ['q1', 'q2'] as const) {
    const said = new Map<ContestantName, unknown[]>();
    for (const [name, contestant] of contestants) said.set(name, await sample(contestant, name, query, tokens));
    const [[first, expected] = ['none', []], ...others] = said;
    for (const [name, found] of others) {
      for (const [index, value] of found.entries()) {
        if (!isDeepStrictEqual(value, expected[index]))
          throw new Error(
            `${first} and ${name} differ on ${query}:\n${JSON.stringify(expected[index])}\n${JSON.stringify(value)}`,
          );
      }
    }
  }
}

async function sample(
  contestant: Contestant,
  name: ContestantName,
  query: QueryName,
  tokens: TokenMaker,
): Promise<unknown[]> {
  const askings = await askingsOf(name, query, tokens);
  const step = Math.max(1, Math.floor(askings.length / SAMPLES));
  const answers: unknown[] = [];
  for (let index = 0; index < askings.length; index += step) {
    const { path, headers, body } = askings[index]!;
    const answer = await fetch(`${contestant.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    const { data, errors } = (await answer.json()) as { data?: Json; errors?: unknown };
    if (answer.status !== 200 || errors || !data)
      throw new Error(`${name} answers ${query} with ${answer.status}: ${JSON.stringify(errors)}`);
    answers.push(ordersIn(data).map(plain));
  }
  return answers;
}

function ordersIn(data: Json): Json[] {
  const list = (data['orders'] ?? data['allOrders']) as { nodes: Json[] } | undefined;
  const orders = list ? list.nodes : [data['order'] ?? data['orderByTenantIdAndRowId']];
  if (orders.length !== (list ? 20 : 1) || !orders[0]) throw new Error('An answer holds another number of orders.');
  return orders as Json[];
}

/** One form for all three: minor units, plain ids, instants in milliseconds. */
function plain(order: Json): unknown {
  return {
    ...row(order, ['number', 'status', 'paymentStatus'], ['createdAt']),
    total: minor(order, 'total'),
    currency: (order['total'] as Json | undefined)?.['currencyCode'] ?? order['currencyCode'],
    customer: row((order['customer'] ?? order['userByTenantIdAndCustomerId']) as Json, [
      'email',
      'firstName',
      'lastName',
    ]),
    items: list(order, 'items', 'orderItemsByTenantIdAndOrderId').map((item) => [
      item['description'] ?? (item['descriptions'] as Json)['en'],
      item['quantity'],
      minor(item, 'unitPrice'),
      minor(item, 'lineTotal', 'grossMinor'),
    ]),
    payments: list(order, 'payments', 'paymentsByTenantIdAndOrderId').map((one) => ({
      ...row(one, ['gateway', 'method', 'status'], ['createdAt']),
      amount: minor(one, 'amount'),
    })),
    invoice: [order['invoice'] ?? list(order, 'invoices', 'invoicesByTenantIdAndOrderId')[0]].map((one) => ({
      ...row(one as Json, ['number'], ['issuedAt']),
      total: minor(one as Json, 'total'),
    })),
    bookings: list(order, 'bookings', 'bookingsByTenantIdAndOrderId').map((one) => ({
      ...row(one, ['reference', 'kind', 'status']),
      span: [one['start'] ?? one['startsAt'], one['end'] ?? one['endsAt']].map((at) => Date.parse(String(at))),
      amount: minor(one, 'amount'),
    })),
  };
}

function row(value: Json, names: readonly string[], instants: readonly string[] = []): Json {
  const id = String(value['id'] ?? value['rowId']);
  return {
    id: decodeGlobalId(id)?.id ?? id,
    ...Object.fromEntries(names.map((name) => [name, value[name]])),
    ...Object.fromEntries(instants.map((name) => [name, Date.parse(String(value[name]))])),
  };
}

function list(order: Json, ours: string, theirs: string): Json[] {
  return (order[ours] ?? (order[theirs] as { nodes: Json[] } | undefined)?.nodes ?? []) as Json[];
}

function minor(value: Json, ours: string, theirs = `${ours}Minor`): number {
  const money = value[ours] as { amount: string } | undefined;
  return Number(money ? money.amount.replace('.', '') : value[theirs]);
}
