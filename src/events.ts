import type { Transaction } from './db.ts';

/** What may happen, with what its payload holds: ids and codes only, and the payload's version `v`. */
export interface EventPayloads {
  'payment.status': { v: 1; orderId: string; customerId: string; previousStatus: string; status: string };
  'order.created': { v: 1; customerId: string };
  'order.status': { v: 1; customerId: string; previousStatus: string; status: string };
  'booking.status': { v: 1; orderId: string | null; customerId: string; previousStatus: string; status: string };
  'package.status': { v: 1; orderId: string | null; customerId: string; previousStatus: string; status: string };
  // On the platform's stream: who may serve whom, and how well they are.
  'provider.changed': { v: 1; slug: string };
  'slot.changed': { v: 1; slug: string; tenantId: string | null };
  'provider.health': {
    v: 1;
    slug: string;
    verticals: readonly string[];
    previousStatus: string;
    status: string;
    evidence: Readonly<Record<string, unknown>>;
  };
  // What moved without an order or payment moving with it: a redemption, an adjustment, cashback that is due, points that ran out.
  'loyalty.changed': { v: 1; customerId: string; kind: LoyaltyChange };
  'session.revoked': { v: 1; userId: string };
  'key.changed': { v: 1 };
  'user.changed': { v: 1 };
  'product.changed': { v: 1 };
  'resource.changed': { v: 1 };
  'tenant.changed': { v: 1 };
}
export type LoyaltyChange = 'REDEMPTION' | 'ADJUSTMENT' | 'CASHBACK_CREDITED' | 'POINTS_EXPIRED';
export type EventType = keyof EventPayloads;

export interface NewEvent<T extends EventType = EventType> {
  readonly id: string;
  readonly type: T;
  readonly aggregateType: string;
  readonly aggregateId: string;
  /** The aggregate's version after the change. */
  readonly version: number;
  readonly payload: EventPayloads[T];
  readonly occurredAt: Date;
}

/** Writes an event in the transaction of the change it tells of; its position is given inside COMMIT by the database. */
export function appendEvent<T extends EventType>(tx: Transaction, event: NewEvent<T>): void {
  tx.insertLater(
    'insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)',
    [
      event.id,
      event.type,
      event.aggregateType,
      event.aggregateId,
      event.version,
      JSON.stringify(event.payload),
      event.occurredAt,
    ],
  );
}
