import { afterAll, beforeAll, expect, test } from 'vitest';

import { ACCESS_RULES, type AccessRule, type RuleName } from '../../src/access.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { populate, type Population } from './population.ts';
import { proveRoles } from './roles.ts';

// The app looks a rule up when it is asked, so that one can be dropped while it runs.
const rules: Record<RuleName, AccessRule> = { ...ACCESS_RULES };
/** The rules that were looked up since the last probe. */
const looked = new Set<RuleName>();
const access = new Proxy(rules, {
  get(all, name: RuleName) {
    looked.add(name);
    return all[name];
  },
});
/** Which probes come to a rule at all: only with them can its loss make a difference. */
const probesOf = new Map<RuleName, Set<string>>();
const noteProbe = (label: string) => {
  for (const name of looked) probesOf.set(name, (probesOf.get(name) ?? new Set()).add(label));
  looked.clear();
};
let world: TestApp;
let population: Population;
let callers: Record<string, As>;
beforeAll(async () => {
  world = await startTestApp({ worker: false, access, environment: { TRUSTED_PROXIES: 'loopback' } });
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
  looked.clear();
  const proof = await proveRoles(world, population, callers, { asked: noteProbe });
  process.stdout.write(`isolation of roles: ${proof.probes} probes, ${proof.leaks.length} leaks\n`);
  expect(proof.leaks).toEqual([]);
});

/** Rules whose loss lets nobody see or do more, and why. */
const HARMLESS: Partial<Record<RuleName, string>> = {
  'session.register': 'without a key the realm is the platform, and with it nobody registers whoever asks',
  'diary.read': 'without a key the realm is the platform, which sells no time',
  'session.open': 'open to anyone: the password is the check',
  'email.verify': 'the mail goes to the person who is signed in: nobody else has an address',
  'session.close': 'open to anyone: the refresh token is the check',
  'operation.read': 'an operation is found by its caller and key: nobody finds any but their own',
};

test('the proof finds the leak when any one access rule is dropped', async () => {
  const missed: string[] = [];
  for (const name of Object.keys(ACCESS_RULES) as RuleName[]) {
    if (name in HARMLESS) continue;
    rules[name] = { from: 'ANYONE', scope: null };
    const { leaks } = await proveRoles(world, population, callers, {
      wants: (label) => probesOf.get(name)?.has(label) ?? false,
    });
    rules[name] = ACCESS_RULES[name];
    if (leaks.length === 0) missed.push(name);
  }
  expect(missed).toEqual([]);
});
