import { afterAll, beforeAll, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { createWorld, mutate, signIn, type World } from '../auth/world.ts';
import { TestVendor } from '../helpers/travel.ts';

/** What a grace is for (PRV-4): a live call, which also leaves its mark on the provider's health. */
let world: World;
const vendor = new TestVendor();
let run: (name: string, input: Record<string, unknown>) => Promise<void>;

beforeAll(async () => {
  world = await createWorld({ providerDescriptions: vendor.descriptions });
  const { email } = await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN');
  const admin = { token: (await signIn(world.app, {}, email)).accessToken };
  run = async (name, input) => {
    const { userErrors } = await mutate(world.app, admin, name, { slug: 'expedia', ...input }, 'provider { slug }');
    expect(userErrors).toEqual([]);
  };
  await run('createProvider', {});
  await run('setProviderCredential', { name: 'API_KEY', value: 'the-old-value-1234' });
  await run('setProviderCredential', { name: 'SECRET', value: 'the-secret' });
});
afterAll(() => world?.close());

test('a rotation lets the value before serve where the vendor does not know the new one yet, whatever else was set', async () => {
  await run('rotateProviderCredential', { name: 'API_KEY', value: 'the-new-value' });
  await run('setProviderCredential', { name: 'SECRET', value: 'another secret' });
  vendor.answer = ({ credentials }) => (credentials['API_KEY'] === 'the-new-value' ? 'unknown key' : null);
  vendor.asked.length = 0;
  const deadlineAtMs = world.clock.now().getTime() + 5_000;
  const outcome = await world.app.providers.call(
    'LODGING',
    { slug: 'expedia', tenantId: null, operation: 'probe', safe: false, deadlineAtMs },
    (client, connection, call) => client.probe(connection, call),
  );
  expect(outcome).toEqual({ kind: 'done', value: null });
  expect(vendor.asked.map(({ credentials }) => credentials)).toEqual([
    { API_KEY: 'the-new-value', SECRET: 'another secret' },
    { API_KEY: 'the-old-value-1234', SECRET: 'another secret' },
  ]);
});
