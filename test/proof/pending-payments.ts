import { randomUUID } from 'node:crypto';

import { decodeGlobalId } from '../../src/global-id.ts';
import type { TestApp } from '../helpers/app.ts';
import type { Shop } from '../helpers/shop.ts';

/** Issued orders with a pending payment each, as the verbs leave them; made by the owner, because proofs need many. */
export interface PendingPayment {
  readonly paymentId: string;
  readonly orderId: string;
  readonly reference: string;
}

/** How the payments of a gateway are written down. */
export interface PendingOptions {
  readonly gateway: string;
  readonly methodId: string;
  readonly currencyCode: string;
  /** @param n from 1, never used twice in a world */
  readonly reference: (paymentId: string, n: number) => string;
}

let made = 5_000_000;

/** Each order is of 100.00 without tax. */
export async function makePending(
  world: TestApp,
  shop: Shop,
  count: number,
  { gateway, methodId, currencyCode, reference }: PendingOptions,
): Promise<PendingPayment[]> {
  const payments = Array.from({ length: count }, (): PendingPayment => {
    const paymentId = randomUUID();
    made += 1;
    return { paymentId, orderId: randomUUID(), reference: reference(paymentId, made) };
  });
  const rows = JSON.stringify(
    payments.map(({ paymentId, orderId, reference: name }, n) => ({
      n,
      payment: paymentId,
      order: orderId,
      reference: name,
    })),
  );
  const customer = decodeGlobalId(shop.customerId)!.id;
  await world.owner(PREPARE, [shop.tenantId, customer, rows, gateway, methodId, currencyCode]);
  await world.owner(ISSUE, [shop.tenantId, rows]);
  return payments;
}

/** A second payment of the order, by another method. @returns its id */
export async function makeAnother(world: TestApp, orderId: string, gateway: string): Promise<string> {
  const [row] = await world.owner<{ id: string }>(
    `with made as (insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method_kind, status, amount_minor, currency_code, created_at)
       select tenant_id, gen_random_uuid(), id, customer_id, $2::payment_gateway, 'other', 'REFERENCE_CODE', 'PENDING', total_minor, currency_code, now() from orders where id = $1 returning *),
     told as (${NEW_PAYMENT_EVENT})
     select id from made`,
    [orderId, gateway],
  );
  return row!.id;
}

const NEW_PAYMENT_EVENT = `insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)
  select tenant_id, gen_random_uuid(), 'payment.status', 'Payment', id, 1,
    jsonb_build_object('v', 1, 'orderId', order_id, 'customerId', customer_id, 'previousStatus', 'UNPAID', 'status', 'PENDING'), now() from made`;

const PREPARE = `with wanted as (select * from jsonb_to_recordset($3::jsonb) as w (payment uuid, "order" uuid, reference text)),
  ordered as (insert into orders (tenant_id, id, type, status, payment_status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at)
    select $1, "order", 'MANUAL_INVOICE', 'DRAFT', 'PENDING', $2, $6, 10000, 0, 10000, now() from wanted returning tenant_id, id),
  made as (insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method_kind, status, amount_minor, currency_code, gateway_reference, payment_url, created_at)
    select $1, payment, "order", $2, $4::payment_gateway, $5, 'REDIRECT', 'PENDING', 10000, $6, reference, 'http://localhost/pay', now() from wanted returning *)
  ${NEW_PAYMENT_EVENT}`;

// In a statement of its own: the trigger that freezes items looks for the order as it was before this one.
const ISSUE = `with wanted as (select * from jsonb_to_recordset($2::jsonb) as w (n bigint, payment uuid, "order" uuid, reference text)),
  items as (insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, net_minor, tax_minor, gross_minor)
    select $1, "order", 1, '{"en": "Tea"}', 1, 10000, 10000, 0, 10000 from wanted returning order_id),
  counted as (insert into number_counters as c (tenant_id, kind, last) select $1, 'ORDER', count(*) from wanted
    on conflict (tenant_id, kind) do update set last = c.last + excluded.last returning last),
  issued as (update orders o set status = 'ISSUED', issued_at = now(), version = 2,
      number = 'ORD-' || lpad((counted.last - w.n)::text, 6, '0')
    from wanted w, counted where o.tenant_id = $1 and o.id = w."order" and (select count(*) from items) > 0 returning o.*)
  insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)
    select tenant_id, gen_random_uuid(), 'order.status', 'Order', id, 2,
      jsonb_build_object('v', 1, 'customerId', customer_id, 'previousStatus', 'DRAFT', 'status', 'ISSUED'), now() from issued`;
