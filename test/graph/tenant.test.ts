import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import {
  ask,
  createWorld,
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
let platformAdmin: Credentials;
let admin: Credentials;
let operator: Credentials;
let customer: Credentials;

beforeAll(async () => {
  world = await createWorld();
  alpha = await world.tenant('alpha', ['https://alpha.example']);
  beta = await world.tenant('beta');
  platformAdmin = await as('PLATFORM_ADMIN', PLATFORM_TENANT_ID, {});
  admin = await as('TENANT_ADMIN', alpha.id, { key: alpha.portalKey });
  operator = await as('OPERATOR', alpha.id, { key: alpha.portalKey });
  customer = await as('CUSTOMER', alpha.id, { key: alpha.portalKey });
});
afterAll(() => world?.close());

describe('a tenant', () => {
  it('is shown to its own people, and to nobody else by any id', async () => {
    const document =
      '($id: ID) { tenant(id: $id) { id slug name type plan active currencyCode locale timeZone taxProfile { roundingMode } legal { addressLines } } }';
    for (const who of [admin, operator, customer]) {
      const own = await ask(world.app, who, `query ${document}`);
      expect(own.data!['tenant']).toMatchObject({
        slug: 'alpha',
        type: 'STANDALONE',
        plan: 'WHITE_LABEL',
        active: true,
        currencyCode: 'EGP',
        locale: 'en',
        timeZone: 'UTC',
        taxProfile: { roundingMode: 'HALF_UP' },
      });
      expect((await ask(world.app, who, `query ${document}`, { id: idOf(alpha) })).data!['tenant']).toMatchObject({
        slug: 'alpha',
      });
      for (const id of [
        idOf(beta),
        encodeGlobalId('Tenant', PLATFORM_TENANT_ID),
        encodeGlobalId('User', alpha.id),
        'nonsense',
      ]) {
        expect((await ask(world.app, who, `query ${document}`, { id })).data).toEqual({ tenant: null });
        expect((await ask(world.app, who, 'query ($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({
          node: null,
        });
      }
    }
    expect((await ask(world.app, { key: alpha.portalKey }, `query ${document}`)).codes).toEqual(['UNAUTHENTICATED']);
  });

  it("keeps its website's keys and gateway from customers and operators, and shows them to its administrators", async () => {
    const fields = 'portal { corsOrigins rateLimitPerMinute active apiKeys { prefix mode scopes revokedAt } }';
    const shown = await ask(
      world.app,
      admin,
      `{ tenant { slug ${fields} paymentGateway { gateway } } viewer { tenant { ${fields} } } }`,
    );
    expect(shown.errors).toBeUndefined();
    expect(shown.data!['tenant']).toEqual({
      slug: 'alpha',
      portal: {
        corsOrigins: ['https://alpha.example'],
        rateLimitPerMinute: 60,
        active: true,
        apiKeys: [{ prefix: alpha.portalKey.slice(0, 14), mode: 'TEST', scopes: [], revokedAt: null }],
      },
      paymentGateway: null,
    });
    expect(shown.data!['viewer'].tenant.portal).toEqual(shown.data!['tenant'].portal);
    for (const who of [customer, operator]) {
      const refused = await ask(world.app, who, `{ tenant { ${fields} } }`);
      expect(refused).toMatchObject({ data: { tenant: null }, codes: ['FORBIDDEN'] });
      expect(await ask(world.app, who, '{ tenant { slug paymentGateway { gateway } } }')).toMatchObject({
        data: { tenant: { slug: 'alpha', paymentGateway: null } },
        codes: ['FORBIDDEN'],
      });
    }
  });

  it('joins what Prisma reads to the one snapshot of the request, under the tenant of the request', async () => {
    const answer = await ask(
      world.app,
      admin,
      '{ a: tenant { slug portal { active apiKeys { prefix } } } b: tenant { name portal { corsOrigins } } }',
    );
    expect(answer.errors).toBeUndefined();
    expect(answer.data).toMatchObject({ a: { slug: 'alpha', portal: { active: true } }, b: { name: 'alpha' } });
    const statements = async () => (await world.app.metrics.databaseStatements.get()).values[0]?.value ?? 0;
    const before = await statements();
    await ask(world.app, admin, '{ tenant { slug portal { active apiKeys { prefix } } } }');
    // Tenant, portal, and the portal's way over its tenant to the keys: one each, however many keys there are.
    expect((await statements()) - before).toBeLessThanOrEqual(4);
  });
});

it('is read by many requests of many tenants at once, each in its own snapshot', async () => {
  const betaAdmin = await as('TENANT_ADMIN', beta.id, { key: beta.portalKey });
  const document = '{ tenant { slug portal { apiKeys { prefix } } } }';
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, index) => ask(world.app, index % 2 === 0 ? admin : betaAdmin, document)),
  );
  const expected = [alpha, beta].map(({ slug, portalKey }) => ({
    tenant: { slug, portal: { apiKeys: [{ prefix: portalKey.slice(0, 14) }] } },
  }));
  answers.forEach((answer, index) => expect(answer.data).toEqual(expected[index % 2]));
});

describe('the platform', () => {
  it('lists all tenants to its administrators, page by page, and to nobody else', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page = await ask(
        world.app,
        platformAdmin,
        'query ($after: String) { tenants(first: 1, after: $after) { nodes { slug } pageInfo { hasNextPage endCursor } } }',
        { after },
      );
      seen.push(...page.data!['tenants'].nodes.map((node: { slug: string }) => node.slug));
      after = page.data!['tenants'].pageInfo.hasNextPage ? page.data!['tenants'].pageInfo.endCursor : null;
    } while (after);
    expect(seen).toEqual(['beta', 'alpha']);
    for (const who of [admin, operator, customer])
      expect((await ask(world.app, who, '{ tenants { nodes { slug } } }')).codes).toEqual(['FORBIDDEN']);
  });

  it('makes a tenant with its portal; a slug is given once', async () => {
    const input = {
      slug: 'gamma',
      name: 'Gamma',
      currencyCode: 'KWD',
      timeZone: 'Asia/Kuwait',
      locale: 'ar',
      plan: 'ENTERPRISE',
      idempotencyKey: 'gamma-1',
    };
    const fields = 'tenant { id slug plan currencyCode }';
    const first = await mutate(world.app, platformAdmin, 'createTenant', input, fields);
    expect(first).toMatchObject({ tenant: { slug: 'gamma', plan: 'ENTERPRISE', currencyCode: 'KWD' }, userErrors: [] });
    expect(await mutate(world.app, platformAdmin, 'createTenant', input, fields)).toEqual(first);
    expect(
      await mutate(world.app, platformAdmin, 'createTenant', { ...input, idempotencyKey: 'gamma-2' }, fields),
    ).toMatchObject({ tenant: null, userErrors: [{ code: 'CONFLICT', field: ['input', 'slug'] }] });
    const entered = await ask(
      world.app,
      { ...platformAdmin, tenant: 'gamma' },
      '{ tenant { slug portal { rateLimitPerMinute corsOrigins } } }',
    );
    expect(entered.data!['tenant']).toEqual({ slug: 'gamma', portal: { rateLimitPerMinute: 60, corsOrigins: [] } });
    for (const bad of ['Gamma', '-gamma', '', 'a'.repeat(64), 'a b']) {
      expect(
        (await mutate(world.app, platformAdmin, 'createTenant', { slug: bad, name: 'x', currencyCode: 'EGP' }, fields))
          .userErrors,
      ).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'slug'] }]);
    }
    for (const who of [admin, operator, customer])
      expect(
        (await mutate(world.app, who, 'createTenant', { ...input, slug: 'delta', idempotencyKey: null }, fields))
          .userErrors,
      ).toMatchObject([{ code: 'FORBIDDEN' }]);
  });
});

describe('changing a tenant', () => {
  it('leaves what was not given, is told by an event, and stands in the audit log with before and after', async () => {
    const payload = await mutate(
      world.app,
      admin,
      'updateTenant',
      {
        name: 'Alpha Travel',
        domain: 'alpha.example',
        taxProfile: { pricesIncludeTax: true },
        legal: { taxId: '1-2-3' },
      },
      'tenant { name domain currencyCode taxProfile { roundingMode pricesIncludeTax } legal { taxId addressLines } }',
    );
    expect(payload.tenant).toEqual({
      name: 'Alpha Travel',
      domain: 'alpha.example',
      currencyCode: 'EGP',
      taxProfile: { roundingMode: 'HALF_UP', pricesIncludeTax: true },
      legal: { taxId: '1-2-3', addressLines: [] },
    });
    expect((await mutate(world.app, admin, 'updateTenant', { domain: null }, 'tenant { name domain }')).tenant).toEqual(
      { name: 'Alpha Travel', domain: null },
    );
    const { rows } = await world.owner.query(
      "select before ->> 'name' as before, after ->> 'name' as after from audit_entries where tenant_id = $1 and action = 'tenant.update' order by position limit 1",
      [alpha.id],
    );
    expect(rows).toEqual([{ before: 'alpha', after: 'Alpha Travel' }]);
    const events = await world.owner.query(
      "select version from events where tenant_id = $1 and type = 'tenant.changed' order by position",
      [alpha.id],
    );
    expect(events.rows).toEqual([{ version: 2 }, { version: 3 }]);
  });

  it("leaves plan, type and being active to the platform, and the tenant's own rank no way around it", async () => {
    for (const input of [{ active: false }, { plan: 'ENTERPRISE' }, { type: 'EMBEDDED' }]) {
      expect((await mutate(world.app, admin, 'updateTenant', input, 'tenant { id }')).userErrors).toMatchObject([
        { code: 'FORBIDDEN' },
      ]);
      expect((await mutate(world.app, operator, 'updateTenant', input, 'tenant { id }')).userErrors).toMatchObject([
        { code: 'FORBIDDEN' },
      ]);
    }
    expect(
      (
        await mutate(
          world.app,
          { ...platformAdmin, tenant: 'alpha' },
          'updateTenant',
          { plan: 'ENTERPRISE' },
          'tenant { plan }',
        )
      ).tenant,
    ).toEqual({ plan: 'ENTERPRISE' });
  });

  it('shuts a tenant out at once in this process, and the platform can open it again', async () => {
    const delta = await world.tenant('delta');
    const someone = await as('CUSTOMER', delta.id, { key: delta.portalKey });
    expect(await outcomeOf(world.app, someone)).toBe('CUSTOMER');
    const there = { ...platformAdmin, tenant: 'delta' };
    await mutate(world.app, there, 'updateTenant', { active: false }, 'tenant { active }');
    expect(await outcomeOf(world.app, { key: delta.portalKey })).toBe('TENANT_INACTIVE');
    expect(await outcomeOf(world.app, someone)).toBe('TENANT_INACTIVE');
    await mutate(world.app, there, 'updateTenant', { active: true }, 'tenant { active }');
    expect(await outcomeOf(world.app, someone)).toBe('CUSTOMER');
    expect(
      (await mutate(world.app, platformAdmin, 'updateTenant', { active: false }, 'tenant { id }')).userErrors,
    ).toMatchObject([{ code: 'INVALID_STATE' }]);
  });

  it("of another name is not found; the platform's administrators are told to enter it", async () => {
    const named = { tenantId: idOf(beta), name: 'Taken over' };
    expect((await mutate(world.app, admin, 'updateTenant', named, 'tenant { id }')).userErrors).toMatchObject([
      { code: 'NOT_FOUND', field: ['input', 'tenantId'] },
    ]);
    expect(
      (await mutate(world.app, { ...platformAdmin, tenant: 'alpha' }, 'updateTenant', named, 'tenant { id }'))
        .userErrors,
    ).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'tenantId'] }]);
    expect((await mutate(world.app, platformAdmin, 'updateTenant', named, 'tenant { id }')).userErrors).toMatchObject([
      { code: 'INVALID_INPUT' },
    ]);
    expect(
      (
        await mutate(
          world.app,
          { ...platformAdmin, tenant: 'beta' },
          'updateTenant',
          { ...named, name: 'Beta Two' },
          'tenant { name }',
        )
      ).tenant,
    ).toEqual({ name: 'Beta Two' });
  });

  it('refuses what a tenant cannot be', async () => {
    for (const [input, field] of [
      [{ name: ' ' }, 'name'],
      [{ name: 'x'.repeat(201) }, 'name'],
      [{ domain: 'http://alpha.example' }, 'domain'],
      [{ legal: { addressLines: Array(7).fill('x') } }, 'legal'],
      [{ legal: { addressLines: ['x'.repeat(201)] } }, 'addressLines'],
      [{ legal: { addressLines: [' '] } }, 'addressLines'],
      [{ legal: { taxId: 'x'.repeat(65) } }, 'taxId'],
      [{ legal: { legalText: 'x'.repeat(2_001) } }, 'legalText'],
      [{ logo: 'x' }, 'logo'],
    ] as const) {
      expect((await mutate(world.app, admin, 'updateTenant', input, 'tenant { id }')).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: expect.arrayContaining(['input', field]) },
      ]);
    }
  });
});

async function as(
  role: 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN' | 'PLATFORM_ADMIN',
  tenantId: string,
  credentials: Credentials,
): Promise<Credentials> {
  const { email } = await world.person(tenantId, role);
  return { token: (await signIn(world.app, credentials, email)).accessToken };
}

function idOf(tenant: TestTenant): string {
  return encodeGlobalId('Tenant', tenant.id);
}
