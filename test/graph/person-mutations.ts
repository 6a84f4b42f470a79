import { randomUUID } from 'node:crypto';

import { rawId } from '../helpers/shop.ts';
import type { Mutation, Stage } from './mutations.ts';

/** Situations of people: customers with nothing open. */

/** @returns the global id of a customer who did nothing but register */
async function newCustomer({ shop, portal }: Stage): Promise<string> {
  const { register } = await shop.world.data(
    portal,
    'mutation ($input: RegisterInput!) { register(input: $input) { session { user { id } } } }',
    { input: { email: `${randomUUID()}@people.example`, password: 'a-long-password' } },
  );
  return register.session.user.id;
}

const audited = (stage: Stage, action: string, target: string) => async () => {
  const [row] = await stage.shop.world.owner<{ count: string }>(
    'select count(*) from audit_entries where tenant_id = $1 and action = $2 and target = $3',
    [stage.shop.tenantId, action, target],
  );
  return [Number(row!.count)];
};

export const PERSON_MUTATIONS: Readonly<Record<string, Mutation>> = {
  exportCustomer: {
    as: ({ shop }) => shop.operator,
    // The link is made anew each time, and ends later each time.
    answer: 'customerExport { __typename }',
    async prepare(stage) {
      const [customerId, other] = [await newCustomer(stage), await newCustomer(stage)];
      return {
        input: { customerId },
        other: { field: 'customerId', value: other },
        effects: audited(stage, 'customer.export', `User:${rawId(customerId)}`),
      };
    },
  },
  eraseCustomer: {
    as: ({ shop }) => shop.operator,
    answer: 'user { id email erasedAt }',
    async prepare(stage) {
      const customerId = await newCustomer(stage);
      return {
        input: { customerId, reason: 'ASKED_FOR' },
        other: { field: 'reason', value: 'MADE_BY_MISTAKE' },
        effects: audited(stage, 'customer.erase', `User:${rawId(customerId)}`),
      };
    },
  },
};
