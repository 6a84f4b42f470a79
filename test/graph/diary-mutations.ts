import { randomUUID } from 'node:crypto';

import { rawId, type Shop } from '../helpers/shop.ts';
import type { Mutation, Stage } from './mutations.ts';

/** Situations of the diary: each service has a resource of its own, and staff book it at any minute. */

const ANSWER = 'booking { id status reference start order { id status } }';
const TENANT_ANSWER = 'tenant { id name }';
const HOUR_MS = 3_600_000;

/** @returns the global id of a service that nobody has booked */
export async function service({ world, tenantId, node }: Shop): Promise<string> {
  const [product, resource] = [randomUUID(), randomUUID()];
  await world.owner(
    `insert into products (tenant_id, id, name, price_minor, currency_code, category, stock, bookable, created_at)
     values ($1, $2, 'A talk', 5000, 'EGP', 'consultation', 10, true, now())`,
    [tenantId, product],
  );
  await world.owner(
    `insert into resources (tenant_id, id, code, name, capacity, created_at) values ($1, $2, $3, 'Somebody', 1, now())`,
    [tenantId, resource, `r-${resource}`],
  );
  await world.owner('insert into product_resources (tenant_id, product_id, resource_id) values ($1, $2, $3)', [
    tenantId,
    product,
    resource,
  ]);
  return node('Product', product);
}

const wholeHour = ({ world }: Shop, hours: number): string =>
  new Date(Math.ceil(world.app.clock.now().getTime() / HOUR_MS + hours) * HOUR_MS).toISOString();

const count = async (shop: Shop, text: string, values: readonly unknown[]): Promise<number> =>
  Number((await shop.world.owner<{ count: string }>(text, values))[0]!.count);
const audited = (shop: Shop, action: string) => async (): Promise<number[]> => [
  await count(shop, 'select count(*) from audit_entries where tenant_id = $1 and action = $2', [shop.tenantId, action]),
];

const appointment = async (shop: Shop) => ({
  productId: await service(shop),
  start: wholeHour(shop, 1),
  customerId: shop.customerId,
});

async function resource({ world, operator }: Shop, name: string): Promise<string> {
  const { upsertResource } = await world.data(
    operator,
    'mutation ($input: UpsertResourceInput!) { upsertResource(input: $input) { resource { id } } }',
    { input: { code: `${name}-${randomUUID()}`, name } },
  );
  return upsertResource.resource.id;
}

async function booked({ shop }: Stage): Promise<string> {
  const { bookAppointment } = await shop.world.data(
    shop.operator,
    'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { booking { id } userErrors { code message } } }',
    { input: await appointment(shop) },
  );
  if (!bookAppointment.booking) throw new Error(JSON.stringify(bookAppointment.userErrors));
  return bookAppointment.booking.id;
}

export const DIARY_MUTATIONS: Readonly<Record<string, Mutation>> = {
  updateBusinessHours: {
    as: ({ tenantAdmin }) => tenantAdmin,
    answer: TENANT_ANSWER,
    prepare: async ({ shop }) => ({
      input: { days: [{ day: 'MONDAY', open: '09:00', close: '17:00' }] },
      other: { field: 'days', value: [{ day: 'MONDAY', closed: true }] },
      effects: audited(shop, 'businessHours.update'),
    }),
  },
  updateBookingRules: {
    as: ({ tenantAdmin }) => tenantAdmin,
    answer: TENANT_ANSWER,
    prepare: async ({ shop }) => ({
      input: { capacity: 2 },
      other: { field: 'capacity', value: 3 },
      effects: audited(shop, 'bookingRules.update'),
    }),
  },
  upsertResource: {
    as: ({ shop }) => shop.operator,
    answer: 'resource { id code name capacity active services { id } }',
    prepare: async ({ shop }) => ({
      input: { code: `room-${randomUUID()}`, name: 'A room', productIds: [await service(shop)] },
      other: { field: 'capacity', value: 2 },
      effects: audited(shop, 'resource.create'),
    }),
  },
  deleteResource: {
    as: ({ shop }) => shop.operator,
    answer: 'deletedId',
    prepare: async ({ shop }) => {
      const ids = await Promise.all(['kept', 'gone'].map((name) => resource(shop, name)));
      return {
        input: { id: ids[1]! },
        other: { field: 'id', value: ids[0]! },
        effects: audited(shop, 'resource.delete'),
      };
    },
  },
  bookAppointment: {
    as: ({ shop }) => shop.operator,
    answer: ANSWER,
    prepare: async ({ shop }) => {
      const input = await appointment(shop);
      return {
        input,
        other: { field: 'notes', value: 'by the window' },
        effects: async () => {
          const taken = await count(shop, 'select 10 - stock as count from products where id = $1', [
            rawId(input.productId),
          ]);
          return [
            taken,
            await count(shop, 'select count(*) from bookings where product_id = $1', [rawId(input.productId)]),
          ];
        },
      };
    },
  },
  rescheduleAppointment: {
    as: ({ shop }) => shop.operator,
    answer: ANSWER,
    prepare: async (stage) => {
      const bookingId = await booked(stage);
      return {
        input: { bookingId, start: wholeHour(stage.shop, 4) },
        other: { field: 'start', value: wholeHour(stage.shop, 5) },
        effects: async () => [
          await count(stage.shop, "select count(*) from events where type = 'booking.status' and aggregate_id = $1", [
            rawId(bookingId),
          ]),
        ],
      };
    },
  },
};
