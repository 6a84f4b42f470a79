import { randomUUID } from 'node:crypto';

import { encodeGlobalId } from '../../src/global-id.ts';
import type { TestApp } from '../helpers/app.ts';

/** Hours, rules, flags, a service that somebody does, its stock and a taken time, for both tenants. @returns ids of what the first has */
export async function insertDiary(
  world: TestApp,
  tenants: readonly [string, string],
): Promise<{ readonly Product: string; readonly Resource: string }> {
  const [first] = await Promise.all([
    insertDiaryOf(world, tenants[0], ['CANARYREF', 'Kanarienvogel']),
    insertDiaryOf(world, tenants[1], ['of-b', 'Somebody of B']),
  ]);
  return {
    Product: encodeGlobalId('Product', first.product),
    Resource: encodeGlobalId('Resource', first.resource),
  };
}

/** @param named code and name of whoever does the service: words that stand in one tenant alone */
async function insertDiaryOf(
  world: TestApp,
  tenantId: string,
  named: readonly [string, string],
): Promise<{ product: string; resource: string }> {
  const [product, resource] = [randomUUID(), randomUUID()];
  const statements: [string, readonly unknown[]][] = [
    [
      'insert into business_hours (tenant_id, day, opens_minute, closes_minute) select $1, day, 0, 1440 from generate_series(1, 7) day',
      [tenantId],
    ],
    ["insert into hours_exceptions (tenant_id, date) values ($1, '2026-12-25')", [tenantId]],
    [
      `insert into booking_rules (tenant_id, advance_booking_days, min_advance_hours, max_advance_days, slot_duration_minutes, buffer_minutes,
         capacity, cancel_notice_hours, hold_minutes) values ($1, 30, 0, 365, 60, 0, 1, 24, 30)`,
      [tenantId],
    ],
    [
      `insert into feature_flags (tenant_id, key, enabled, config, updated_at) values ($1, 'newsletter', true, '{"canary": "CANARYREF"}', now())`,
      [tenantId],
    ],
    [
      `insert into products (tenant_id, id, code, name, price_minor, currency_code, category, stock, bookable, created_at)
       values ($1, $2, 'WINDOW', 'Schaufensterzeit', 500, 'EGP', 'consultation', 10, true, now())`,
      [tenantId, product],
    ],
    [
      `insert into resources (tenant_id, id, code, name, capacity, created_at) values ($1, $2, $3, $4, 1, now())`,
      [tenantId, resource, ...named],
    ],
    [
      'insert into product_resources (tenant_id, product_id, resource_id) values ($1, $2, $3)',
      [tenantId, product, resource],
    ],
    [
      `insert into stock_takings (tenant_id, order_id, product_id, quantity, taken_at) select tenant_id, id, $2, 1, now() from orders where tenant_id = $1 limit 1`,
      [tenantId, product],
    ],
    [
      `insert into allocations (tenant_id, id, resource_id, unit, booking_id, during, starts_at, ends_at)
       select tenant_id, gen_random_uuid(), $2, 1, id, tstzrange(starts_at, ends_at), starts_at, ends_at from bookings where tenant_id = $1 limit 1`,
      [tenantId, resource],
    ],
  ];
  for (const [statement, values] of statements) await world.owner(statement, values);
  return { product, resource };
}
