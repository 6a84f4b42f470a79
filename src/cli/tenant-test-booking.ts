import process from 'node:process';

import type { Database } from '../db.ts';
import type { Difference, TenantFile } from '../domain/tenant-file.ts';
import { AppError } from '../errors.ts';
import { createLogger } from '../log.ts';
import type { ProvisionTools } from '../resolvers/provision.ts';
import { makeTestBooking, planTestBooking } from '../resolvers/test-booking.ts';
import type { Surroundings } from './command.ts';
import { scopeOf, type Tenant } from './tenants.ts';

type TestBooking = NonNullable<TenantFile['testBooking']>;

/** What a dry run says of it. @param tenant undefined: it would be made first */
export async function plannedTestBooking(
  db: Database,
  tenant: Tenant | undefined,
  { testBooking }: TenantFile,
): Promise<Difference[]> {
  if (!testBooking) return [];
  const plan = tenant && (await db.read(scopeOf(tenant), (tx) => planTestBooking(tx, testBooking)));
  // What is missing may be made with the file, and then it is not.
  return plan?.kind === 'there' || plan?.kind === 'forbidden'
    ? []
    : [difference(testBooking, 'at the next free time, where it can be made')];
}

/** Made last of all, because it needs the rest. What hinders it is said and is no failure: a tenant that goes live keeps its file. */
export async function applyTestBooking(
  db: Database,
  { author }: ProvisionTools,
  tenant: Tenant,
  { testBooking }: TenantFile,
  around: Surroundings,
): Promise<Difference[]> {
  if (!testBooking) return [];
  const log = createLogger('warn', process.stderr);
  const leftOut = (reason: string): Difference[] => {
    around.progress(`testBooking: left out, ${reason}`);
    return [];
  };
  const work = db.write(scopeOf(tenant), async (tx) => {
    // Two at once would both make it: the second waits here, and then sees it.
    await tx.query('select from tenants t where t.id = current_tenant() for no key update');
    const plan = await planTestBooking(tx, testBooking);
    if (plan.kind === 'there') return [];
    if (plan.kind !== 'wanted') return leftOut(plan.reason);
    const start = await makeTestBooking({ author, log }, tx, plan);
    return start ? [difference(testBooking, start.toISOString())] : leftOut('There is no free time.');
  });
  return work.catch((error: unknown) => {
    // Somebody was faster, or it is sold out: the next try finds another time or none.
    if (error instanceof AppError) return leftOut(error.message);
    throw error;
  });
}

function difference({ customer, service }: TestBooking, when: string): Difference {
  return { path: ['testBooking'], before: undefined, after: `${service} for ${customer}, ${when}` };
}
