import { randomUUID } from 'node:crypto';

import { adjustmentPosting } from '../../src/domain/ledger.ts';
import { postLedger } from '../../src/ledger.ts';
import type { TestApp } from './app.ts';

export const DEMO_TENANT = '00000000-0000-4000-8000-0000000000d1';

/** Puts money into a customer's wallet, as an operator's adjustment does. */
export async function giveWallet(
  world: Pick<TestApp, 'app'>,
  customerId: string,
  amountMinor: bigint,
  tenantId = DEMO_TENANT,
  currencyCode = 'EGP',
): Promise<void> {
  await world.app.db.write({ tenantId, customerId: null }, (tx) =>
    postLedger(tx, world.app, customerId, {
      postings: [
        {
          kind: 'ADJUSTMENT',
          subjectId: randomUUID(),
          currencyCode,
          entries: adjustmentPosting({ amountMinor }),
        },
      ],
    }),
  );
}
