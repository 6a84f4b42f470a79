import { randomUUID } from 'node:crypto';

import { Catalogue } from '../helpers/catalogue.ts';
import type { Mutation, Stage } from './mutations.ts';

/** Situations of what a tenant offers. */

const audits = (stage: Stage, action: string) => async () => [
  Number(
    (
      await stage.shop.world.owner<{ count: string }>(
        'select count(*) from audit_entries where tenant_id = $1 and action = $2',
        [stage.shop.tenantId, action],
      )
    )[0]!.count,
  ),
];
const products = (stage: Stage) => async () => [
  Number((await stage.shop.world.owner<{ count: string }>('select count(*) from products'))[0]!.count),
];

export const SHOP_MUTATIONS: Readonly<Record<string, Mutation>> = {
  setFeatureFlag: {
    as: (stage) => stage.tenantAdmin,
    answer: 'tenant { id featureFlags { key enabled config } }',
    prepare: async (stage) => ({
      input: { key: 'newsletter', enabled: true, config: { title: 'News' } },
      other: { field: 'enabled', value: false },
      effects: audits(stage, 'flag.set'),
    }),
  },
  adjustStock: {
    as: ({ shop }) => shop.operator,
    answer: 'product { id stock }',
    prepare: async (stage) => {
      const productId = await new Catalogue(stage.shop).product({ stock: 3 });
      return {
        input: { productId, delta: 1, reason: 'Found one more' },
        other: { field: 'delta', value: 2 },
        effects: async () => [
          await new Catalogue(stage.shop).stockOf(productId),
          ...(await audits(stage, 'stock.adjust')()),
        ],
      };
    },
  },
  upsertProduct: {
    as: ({ shop }) => shop.operator,
    answer: 'product { id name code stock }',
    prepare: async (stage) => ({
      input: {
        name: `Tea ${randomUUID()}`,
        price: { amount: '1.00', currencyCode: 'EGP' },
        category: 'drinks',
        stock: 3,
      },
      other: { field: 'stock', value: 4 },
      effects: async () => [...(await products(stage)()), ...(await audits(stage, 'product.create')())],
    }),
  },
};
