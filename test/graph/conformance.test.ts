import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createWorld, type World } from '../auth/world.ts';
import { makePartnerKey, serve, setLimit, type Served } from '../http/world.ts';

let world: World;
const served = new Map<string, Served>();
let key: string;

beforeAll(async () => {
  world = await createWorld();
  const tenant = await world.tenant('audited');
  await setLimit(world.app, tenant.id, 100_000);
  // Some audits ask for __type.
  key = await makePartnerKey(world.app, tenant.id, ['introspect']);
  served.set('the thin entrance', await serve(world.app, { thinEntrance: true }));
  served.set('Yoga alone', await serve(world.app, { thinEntrance: false }));
});

afterAll(async () => {
  for (const each of served.values()) await each.close();
  await world.close();
});

describe.each(['the thin entrance', 'Yoga alone'])('GraphQL over HTTP by %s', (name) => {
  const audits = serverAudits({
    url: () => `${served.get(name)!.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      headers.set('x-api-key', key);
      return fetch(url, { ...init, headers });
    },
  });

  test.each(audits.map((audit) => [audit.name, audit] as const))('%s', async (_name, audit) => {
    const result = await audit.fn();
    // MAY is a choice; everything else is kept.
    if (!audit.name.startsWith('MAY')) expect('reason' in result ? result.reason : result.status).toBe('ok');
  });
});
