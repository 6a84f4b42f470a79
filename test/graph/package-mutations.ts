import { rawId, type Shop } from '../helpers/shop.ts';
import { CONTACT, NAME, offerOf, sellers } from './booking-mutations.ts';
import type { Mutation, Situation, Stage } from './mutations.ts';

/** Situations of packages: a stay and a flight that TestVendor sells. */

const ANSWER = 'package { id status note bookings { status } order { id status } }';

const packageInput = (shop: Shop) => ({
  legs: [
    { offerId: offerOf(shop, 'STAY'), guests: [NAME] },
    { offerId: offerOf(shop, 'FLIGHT'), passengers: [{ ...NAME, birthDate: '1990-01-01' }] },
  ],
  ...CONTACT,
});

/** A package that waits for its money. */
async function booked(stage: Stage): Promise<string> {
  await sellers(stage);
  const { shop } = stage;
  const query =
    'mutation ($input: BookPackageInput!) { bookPackage(input: $input) { package { id } userErrors { code message } } }';
  const { bookPackage } = await shop.world.data(shop.customer, query, { input: packageInput(shop) });
  if (!bookPackage.package) throw new Error(JSON.stringify(bookPackage.userErrors));
  return bookPackage.package.id;
}

const counted =
  (shop: Shop, query: string, values: readonly unknown[] = []) =>
  async (): Promise<number> =>
    Number((await shop.world.owner<{ count: string }>(query, values))[0]!.count);

/** How often it came to its end. */
const ended = (shop: Shop, id: string) =>
  counted(
    shop,
    "select count(*) from events where type = 'package.status' and aggregate_id = $1 and payload->>'status' = 'CANCELLED'",
    [rawId(id)],
  );

const giveUp = (input: Situation['input']) => ({ input, other: { field: 'reason', value: 'another' } });

export const PACKAGE_MUTATIONS: Readonly<Record<string, Mutation>> = {
  updatePackagePolicy: {
    as: ({ tenantAdmin }) => tenantAdmin,
    answer: 'packagePolicy { rollback legOrder scope }',
    prepare: async ({ shop }) => ({
      input: { rollback: 'ALL_OR_NOTHING' },
      other: { field: 'rollback', value: 'KEEP_CONFIRMED' },
      effects: async () => [
        await counted(
          shop,
          "select count(*) from audit_entries where tenant_id = $1 and action = 'packagePolicy.update'",
          [shop.tenantId],
        )(),
      ],
    }),
  },
  bookPackage: {
    as: ({ shop }) => shop.customer,
    answer: ANSWER,
    prepare: async (stage): Promise<Situation> => {
      await sellers(stage);
      const { shop } = stage;
      return {
        input: packageInput(shop),
        other: { field: 'contactEmail', value: 'another@example.com' },
        effects: async () => [
          await counted(shop, 'select count(*) from packages')(),
          await counted(shop, 'select count(*) from orders')(),
          // Every leg has one.
          (await counted(shop, 'select count(*) from bookings where package_id is not null')()) / 2,
        ],
      };
    },
  },
  cancelPackage: {
    as: ({ shop }) => shop.customer,
    answer: ANSWER,
    prepare: async (stage) => {
      const packageId = await booked(stage);
      return {
        ...giveUp({ packageId, reason: 'changed my mind' }),
        effects: async () => [await ended(stage.shop, packageId)()],
      };
    },
  },
  resolvePackage: {
    as: ({ shop }) => shop.operator,
    answer: ANSWER,
    prepare: async (stage) => {
      const { shop } = stage;
      const packageId = await booked(stage);
      await shop.world.owner(
        "update packages set status = 'NEEDS_ATTENTION', phase = 'STOPPED', next_step_at = null where id = $1",
        [rawId(packageId)],
      );
      return {
        ...giveUp({ packageId, decision: 'CANCEL', reason: 'asked the customer' }),
        effects: async () => [
          await ended(shop, packageId)(),
          await counted(
            shop,
            "select count(*) from audit_entries where action = 'package.resolve' and target = 'Package:' || $1",
            [rawId(packageId)],
          )(),
        ],
      };
    },
  },
};
