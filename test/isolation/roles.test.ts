import { afterAll, beforeAll, expect, test } from 'vitest';

import { ACCESS_RULES, type AccessRule, type RuleName } from '../../src/access.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { populate, type Population } from './population.ts';
import { proveRoles } from './roles.ts';

// The app looks a rule up when it is asked, so that one can be dropped while it runs.
const access: Record<RuleName, AccessRule> = { ...ACCESS_RULES };
let world: TestApp;
let population: Population;
let callers: Record<string, As>;
beforeAll(async () => {
  world = await startTestApp({ worker: false, access });
  population = await populate(world);
  callers = {
    ANYONE: {},
    PORTAL: { key: world.facts.portalKey },
    // Another customer than the one the data belong to: what is theirs is theirs.
    CUSTOMER: population.strangers['another customer of the same tenant']!,
    OPERATOR: population.owners.operator,
    TENANT_ADMIN: population.owners.tenantAdmin,
  };
});
afterAll(() => world.stop());

test('nobody below the rank that the contract names gets through', async () => {
  const proof = await proveRoles(world, population, callers);
  process.stdout.write(`isolation of roles: ${proof.probes} probes, ${proof.leaks.length} leaks\n`);
  expect(proof.leaks).toEqual([]);
}, 60_000);

/** Rules whose loss lets nobody see or do more, and why. */
const HARMLESS: Partial<Record<RuleName, string>> = {
  'session.register': 'without a key the realm is the platform, and with it nobody registers whoever asks',
  'session.open': 'open to anyone: the password is the check',
  'session.close': 'open to anyone: the refresh token is the check',
};

test('the proof finds the leak when any one access rule is dropped', async () => {
  const missed: string[] = [];
  for (const name of Object.keys(ACCESS_RULES) as RuleName[]) {
    if (name in HARMLESS) continue;
    access[name] = { from: 'ANYONE', scope: null };
    const { leaks } = await proveRoles(world, population, callers);
    access[name] = ACCESS_RULES[name];
    if (leaks.length === 0) missed.push(name);
  }
  expect(missed).toEqual([]);
}, 240_000);
