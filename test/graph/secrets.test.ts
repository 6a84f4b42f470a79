import { Writable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createLogger } from '../../src/log.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { Shop, type Started } from '../helpers/shop.ts';
import { TestVendor } from '../helpers/travel.ts';

/** Secrets are planted, the main paths are walked, and then every place where one could have got to is searched (OPS-3, PRV-3). */
const PLANTED = {
  password: 'canary-Passw0rd-7rQ2',
  wrongPassword: 'canary-Wr0ng-8sT3',
  gatewayCredential: 'canary-provider-key-9uV4',
  cardToken: 'canary-card-token-1wX5',
  apiKeyInBody: 'canary-body-api-key-2yZ6',
  webhookHeader: 'canary-header-token-3aB7',
  providerCredential: 'canary-travel-key-4cD8',
  refusedCredential: 'canary-travel-key-5eF9',
} as const;
const EMAIL = 'planted@secrets.example';

let world: TestApp;
let shop: Shop;
let tenantAdmin: As;
let platformAdmin: As;
let started: Started;
/** Secrets that came about on the way: keys and tokens, by name. */
const grown: Record<string, string> = {};
const lines: string[] = [];
/** Every answer but the ones that must show a secret, with the name of its request. */
const answers: { request: string; text: string }[] = [];

const sink = new Writable({
  write(chunk: Buffer, _encoding, done) {
    lines.push(chunk.toString('utf8'));
    done();
  },
});

const headersOf = (as: As): Record<string, string> => ({
  ...(as.key && { 'x-api-key': as.key }),
  ...(as.token && { authorization: `Bearer ${as.token}` }),
  ...(as.tenant && { 'x-tenant': as.tenant }),
});

async function ask(request: string, as: As, query: string, variables: object = {}): Promise<any> {
  const { text } = await world.request('POST', '/graphql', {
    headers: { 'content-type': 'application/json', ...headersOf(as) },
    body: JSON.stringify({ query, variables }),
  });
  answers.push({ request, text });
  return JSON.parse(text);
}

/** The one answer that shows a secret is not searched. */
async function askShown(as: As, query: string, variables: object): Promise<any> {
  const answer = await world.ask(as, query, variables as Record<string, unknown>);
  if (answer.errors) throw new Error(JSON.stringify(answer.errors));
  return answer.data;
}

async function webhook(request: string, body: string, headers: Record<string, string> = {}): Promise<void> {
  const { text } = await world.request('POST', `/webhooks/payments/fawaterk/${shop.account}?_json`, {
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  answers.push({ request, text });
}

const SESSION = 'session { accessToken refreshToken user { id } } userErrors { code }';

async function walkSessions(): Promise<void> {
  const portal = { key: world.facts.portalKey };
  const { register } = await askShown(
    portal,
    `mutation ($input: RegisterInput!) { register(input: $input) { ${SESSION} } }`,
    { input: { email: EMAIL, password: PLANTED.password } },
  );
  const { login } = await askShown(portal, `mutation ($input: LoginInput!) { login(input: $input) { ${SESSION} } }`, {
    input: { email: EMAIL, password: PLANTED.password },
  });
  Object.assign(grown, {
    accessToken: login.session.accessToken,
    refreshToken: register.session.refreshToken,
    secondRefreshToken: login.session.refreshToken,
  });
  const input = { email: EMAIL, password: PLANTED.wrongPassword };
  await ask(
    'a failed login',
    portal,
    'mutation ($input: LoginInput!) { login(input: $input) { session { expiresAt } userErrors { code message details } } }',
    { input },
  );
  await ask(
    'a taken address',
    portal,
    'mutation ($input: RegisterInput!) { register(input: $input) { session { expiresAt } userErrors { code message details } } }',
    { input: { ...input, password: PLANTED.password } },
  );
  await ask(
    'a badly typed login',
    portal,
    'mutation ($input: LoginInput!) { login(input: $input) { session { expiresAt } } }',
    { input: { email: 'nobody', password: PLANTED.password } },
  );
  await ask(
    'a login of unknown fields',
    portal,
    'mutation ($input: LoginInput!) { login(input: $input) { session { expiresAt } } }',
    { input: { ...input, passwort: PLANTED.password } },
  );
  await ask(
    'a login in the document',
    portal,
    `mutation { login(input: { email: "${EMAIL}", password: "${PLANTED.wrongPassword}", x: 1 }) { nothing } }`,
  );
  await ask('a broken document', portal, `mutation { login(input: { password: "${PLANTED.password}`);
  await ask('a viewer', { token: grown['accessToken']! }, '{ viewer { kind user { id email } } }');
  await ask('a token that was tampered with', { token: `${grown['accessToken']}x` }, '{ viewer { kind } }');
  await ask('an unknown key', { key: `${world.facts.portalKey}x` }, '{ viewer { kind } }');
}

async function walkConfiguration(): Promise<void> {
  const { createApiKey } = await askShown(
    tenantAdmin,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }',
    { input: { mode: 'TEST', scopes: ['orders:read'], idempotencyKey: 'planted' } },
  );
  grown['apiKey'] = createApiKey.secret;
  const key =
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id prefix } secret userErrors { code } } }';
  await ask('a repeated key', tenantAdmin, key, {
    input: { mode: 'TEST', scopes: ['orders:read'], idempotencyKey: 'planted' },
  });
  await ask('a use of the key', { key: grown['apiKey']! }, '{ viewer { kind scopes } orders { nodes { id } } }');
  const configure =
    'mutation ($input: ConfigurePaymentGatewayInput!) { configurePaymentGateway(input: $input) { tenant { id paymentGateway { credentials { name lastFour version } } } userErrors { code message details } } }';
  const value = PLANTED.gatewayCredential;
  await ask('a gateway configured', tenantAdmin, configure, {
    input: { gateway: 'FAWATERK', credentials: [{ name: 'PROVIDER_KEY', value }], idempotencyKey: 'planted-gateway' },
  });
  await ask('a gateway configured again', tenantAdmin, configure, {
    input: {
      gateway: 'FAWATERK',
      credentials: [{ name: 'PROVIDER_KEY', value: `${value}2` }],
      idempotencyKey: 'planted-gateway',
    },
  });
  await ask('an unknown credential', tenantAdmin, configure, {
    input: { gateway: 'FAWATERK', credentials: [{ name: 'OTHER', value }] },
  });
  await ask('a credential of a wrong type', tenantAdmin, configure, {
    input: { gateway: 'FAWATERK', credentials: [{ name: 'PROVIDER_KEY', value: [value] }] },
  });
  await ask(
    'the tenant',
    tenantAdmin,
    '{ tenant { portal { apiKeys { id prefix } } paymentGateway { credentials { name lastFour } } } operation(key: "planted-gateway") { status userErrors { message details } } }',
  );
  await ask(
    'the audit log',
    { ...platformAdmin, tenant: shop.account },
    '{ auditLog(first: 100) { nodes { action before after } } }',
  );
}

/** The vendor repeats whatever it was sent, as some do. */
const vendor = new TestVendor();

async function walkProviders(): Promise<void> {
  vendor.answer = ({ credentials }) =>
    credentials['API_KEY'] === PLANTED.refusedCredential ? `no such key: ${JSON.stringify(credentials)}` : null;
  const run = (request: string, name: string, input: object) =>
    ask(
      request,
      platformAdmin,
      `mutation ($input: ${name[0]!.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${
        name === 'testProviderConnection'
          ? 'test { ok reason }'
          : 'provider { name credentials { name lastFour version state } }'
      } userErrors { code message details } } }`,
      { input: { slug: 'kiwi', ...input } },
    );
  const credential = { name: 'API_KEY', value: PLANTED.providerCredential };
  await run('a provider', 'createProvider', {});
  await run('a provider credential', 'setProviderCredential', { ...credential, idempotencyKey: 'planted-provider' });
  await run('the same again', 'setProviderCredential', { ...credential, idempotencyKey: 'planted-provider' });
  await run('an unknown credential of a provider', 'setProviderCredential', { ...credential, name: 'OTHER' });
  await run('a provider credential with a line’s end', 'setProviderCredential', {
    ...credential,
    value: `${PLANTED.providerCredential}\n`,
  });
  await run('a provider credential of a wrong type', 'setProviderCredential', {
    ...credential,
    value: [PLANTED.providerCredential],
  });
  await run('a refused rotation', 'rotateProviderCredential', { ...credential, value: PLANTED.refusedCredential });
  await run('a rotation', 'rotateProviderCredential', credential);
  await run('a refused test', 'setProviderCredential', { ...credential, value: PLANTED.refusedCredential });
  await run('a connection test', 'testProviderConnection', {});
  await ask(
    'the providers',
    platformAdmin,
    '{ providers { nodes { name settings { value } connectionTests { sandbox { reason } } credentials { name lastFour problem } } } operation(key: "planted-provider") { status userErrors { message details } } }',
  );
  await ask(
    'the audit log of the platform',
    platformAdmin,
    '{ auditLog(first: 100) { nodes { action before after } } }',
  );
}

async function walkPayment(): Promise<void> {
  started = await shop.started();
  await shop.atGateway(started, 'pay');
  const secrets = { paymentToken: PLANTED.cardToken, api_key: PLANTED.apiKeyInBody };
  const good = shop.hook('paid', started.invoice, secrets);
  const headers = { authorization: `Bearer ${PLANTED.webhookHeader}`, 'x-secret-token': PLANTED.webhookHeader };
  await webhook(
    'a webhook with a wrong hash',
    JSON.stringify({ ...JSON.parse(good.body), hashKey: 'f'.repeat(64) }),
    headers,
  );
  await webhook('a webhook that is no JSON', good.body.slice(0, -5), headers);
  await webhook('a webhook that is a form', new URLSearchParams({ ...secrets, invoice_id: '1' }).toString(), {
    ...headers,
    'content-type': 'application/x-www-form-urlencoded',
  });
  await webhook('a webhook of nested secrets', JSON.stringify({ deep: { ...secrets, again: [secrets] } }), headers);
  await webhook('a good webhook', good.body, headers);
  await webhook('a good webhook again', good.body, headers);
  const deliveries = await ask(
    'the journal',
    shop.operator,
    '{ webhookDeliveries(first: 50) { nodes { id verdict detail headers body payment { id failureReason } } } }',
  );
  for (const { id, verdict } of deliveries.data.webhookDeliveries.nodes) {
    await ask(
      `a dry run of ${verdict}`,
      shop.operator,
      'mutation ($input: ReplayWebhookInput!) { replayWebhook(input: $input) { webhookDelivery { body headers } replay { verdict note } userErrors { code message details } } }',
      { input: { deliveryId: id, dryRun: true } },
    );
  }
  await ask('the health', shop.operator, '{ systemHealth { status } }');
}

beforeAll(async () => {
  world = await startTestApp({
    log: createLogger('trace', sink),
    environment: { LOG_LEVEL: 'trace' },
    providerDescriptions: vendor.descriptions,
  });
  shop = await Shop.open(world);
  const [admin, platform] = await Promise.all([world.session('tenantAdmin'), world.session('platformAdmin')]);
  tenantAdmin = { token: admin.accessToken };
  platformAdmin = { token: platform.accessToken };
  await walkSessions();
  await walkConfiguration();
  await walkProviders();
  await walkPayment();
  for (const path of ['/metrics', '/readyz', '/health', '/.well-known/jwks.json', '/no/such/page'])
    answers.push({ request: path, text: (await world.request('GET', path)).text });
});
afterAll(() => world.stop());

const secrets = (): [string, string][] => [...Object.entries(PLANTED), ...Object.entries(grown)];
const foundIn = (text: string) =>
  secrets()
    .filter(([, secret]) => text.includes(secret))
    .map(([name]) => name);

describe('no planted secret is found', () => {
  test('and all of them were planted where they must not be shown', async () => {
    expect(secrets().length).toBe(12);
    expect(new Set(secrets().map(([, secret]) => secret)).size).toBe(12);
    expect(vendor.asked.map(({ credentials }) => credentials['API_KEY'])).toEqual([
      PLANTED.refusedCredential,
      PLANTED.providerCredential,
      PLANTED.refusedCredential,
    ]);
    const refused = answers.find(({ request }) => request === 'a connection test')!;
    expect(refused.text).toContain('no such key: ');
    expect(refused.text).toContain('[masked]');
    const verdicts = await world.owner<{ verdict: string }>(
      'select distinct verdict from webhook_deliveries order by 1',
    );
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(
      expect.arrayContaining(['ACCEPTED', 'ALREADY_PROCESSED', 'BAD_SIGNATURE', 'MALFORMED']),
    );
    const [{ token }] = await world.owner(
      "select verdict as token from webhook_deliveries where payment_id = $1 and verdict = 'ACCEPTED'",
      [started.id],
    );
    expect(token).toBe('ACCEPTED');
    const connection = await world.app.gateways.connect(shop.tenantId, 'FAWATERK');
    expect(connection!.credentials['PROVIDER_KEY']).toBe(PLANTED.gatewayCredential);
  });

  test('in a line of the log, at the finest level', () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => foundIn(line).length > 0)).toEqual([]);
  });

  test('in an answer: of the graph, of webhooks, of pages, of the metrics', () => {
    expect(answers.length).toBeGreaterThan(30);
    expect(
      answers.map(({ request, text }) => ({ request, found: foundIn(text) })).filter(({ found }) => found.length > 0),
    ).toEqual([]);
    const journal = answers.find(({ request }) => request === 'the journal')!.text;
    expect(journal, 'the bodies are there, with their secrets masked').toContain('[masked]');
    expect(journal).toContain(started.invoice.invoiceKey);
  });

  test('in any column of any table, those of the jobs included', async () => {
    const tables = await world.owner<{ name: string }>(
      "select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'm') and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1",
    );
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['webhook_deliveries', 'credentials', expect.stringMatching(/^jobs\./)]),
    );
    const found: string[] = [];
    for (const { name } of tables) {
      for (const { row } of await world.owner<{ row: string }>(`select t::text as row from ${name} t`)) {
        // What is bytes reads as hexadecimal.
        const hits = secrets().filter(
          ([, secret]) => row.includes(secret) || row.includes(Buffer.from(secret).toString('hex')),
        );
        found.push(...hits.map(([secret]) => `${secret} in ${name}`));
      }
    }
    expect(found).toEqual([]);
  });
});
