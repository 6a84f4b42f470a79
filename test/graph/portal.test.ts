import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import {
  createWorld,
  identify,
  mutate,
  outcomeOf,
  signIn,
  type Credentials,
  type TestTenant,
  type World,
} from '../auth/world.ts';

let world: World;
let alpha: TestTenant;
let beta: TestTenant;
let admin: Credentials;
const FIELDS = 'tenant { portal { corsOrigins rateLimitPerMinute active } }';
const update = (input: Record<string, unknown>, who = admin) =>
  mutate(world.app, who, 'updatePortalConfig', input, FIELDS);

beforeAll(async () => {
  world = await createWorld();
  alpha = await world.tenant('alpha');
  beta = await world.tenant('beta', ['https://shop.example']);
  admin = await as('TENANT_ADMIN', alpha);
});
afterAll(() => world?.close());

describe('the portal', () => {
  it('opens to a new origin at once here and soon in another process, and to no other tenant by it', async () => {
    const peer = await world.peer();
    const request = { key: alpha.portalKey, origin: 'https://new.example' };
    expect(await outcomeOf(world.app, request)).toBe('FORBIDDEN');
    expect(await outcomeOf(peer, request)).toBe('FORBIDDEN');
    expect(
      (await update({ corsOrigins: ['https://new.example/', 'http://localhost:5173', 'https://new.example'] })).tenant
        .portal.corsOrigins,
    ).toEqual(['https://new.example', 'http://localhost:5173']);
    expect(await outcomeOf(world.app, request)).toBe('PORTAL');
    await expect.poll(() => outcomeOf(peer, request)).toBe('PORTAL');
    expect(await outcomeOf(world.app, { key: beta.portalKey, origin: 'https://new.example' })).toBe('FORBIDDEN');
    expect(await outcomeOf(world.app, { key: alpha.portalKey, origin: 'https://shop.example' })).toBe('FORBIDDEN');
  });

  it('changes what was given and leaves the rest', async () => {
    const before = (await update({ rateLimitPerMinute: 600 })).tenant.portal;
    expect(before).toMatchObject({ rateLimitPerMinute: 600, active: true });
    expect((await update({ active: true })).tenant.portal).toEqual(before);
    expect((await identify(world.app, { key: alpha.portalKey })).rateLimitPerMinute).toBe(600);
  });

  it('refuses what is no origin and no limit', async () => {
    for (const origin of [
      'https://a.example/path',
      'https://a.example?x',
      'https://user@a.example',
      'https://a.example#x',
    ]) {
      expect((await update({ corsOrigins: [origin] })).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'corsOrigins'] },
      ]);
    }
    await expect(update({ corsOrigins: ['javascript:alert(1)'] })).rejects.toThrow(/URL/);
    expect(
      (await update({ corsOrigins: Array.from({ length: 101 }, (_, index) => `https://a${index}.example`) }))
        .userErrors,
    ).toMatchObject([{ code: 'INVALID_INPUT' }]);
    for (const rateLimitPerMinute of [0, -1, 10_000_001])
      expect((await update({ rateLimitPerMinute })).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'rateLimitPerMinute'] },
      ]);
    for (const rateLimitPerMinute of [1, 10_000_000])
      expect((await update({ rateLimitPerMinute })).userErrors).toEqual([]);
  });

  it('is for administrators, and for the one tenant', async () => {
    for (const role of ['CUSTOMER', 'OPERATOR'] as const)
      expect((await update({ active: false }, await as(role, alpha))).userErrors).toMatchObject([
        { code: 'FORBIDDEN' },
      ]);
    await expect(update({ active: false }, { key: alpha.portalKey })).rejects.toMatchObject({
      codes: ['UNAUTHENTICATED'],
    });
    expect((await update({ tenantId: encodeGlobalId('Tenant', beta.id), active: false })).userErrors).toMatchObject([
      { code: 'NOT_FOUND' },
    ]);
    const platform = {
      token: (await signIn(world.app, {}, (await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN')).email))
        .accessToken,
    };
    expect((await update({ active: false }, platform)).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    expect(
      (await update({ rateLimitPerMinute: 90 }, { ...platform, tenant: 'beta' })).tenant.portal.rateLimitPerMinute,
    ).toBe(90);
  });
});

async function as(role: 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN', tenant: TestTenant): Promise<Credentials> {
  const { email } = await world.person(tenant.id, role);
  return { token: (await signIn(world.app, { key: tenant.portalKey }, email)).accessToken };
}
