import { randomBytes } from 'node:crypto';

import type { Config } from '../../src/config.ts';
import type { App } from '../../src/context.ts';
import { encodeCursor } from '../../src/cursor.ts';
import { Engine } from '../../src/graphql/engine.ts';
import { createHttpServer, type HttpDeps } from '../../src/http.ts';
import { importKey } from '../../src/resolvers/key.ts';
import type { RouteRequest } from '../../src/routes.ts';
import { schema } from '../../src/schema/index.ts';

export interface Served {
  readonly url: string;
  readonly app: App;
  close(graceMs?: number): Promise<void>;
}

/** Parsed JSON, into which tests reach as they please. */
export type Parsed = ReturnType<typeof JSON.parse>;

/** What a test sees of an answer. */
export interface Heard {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Parsed;
  /** Codes of the errors. */
  readonly codes: string[];
}

/** Serves the app over a real socket; handlers beside the graph show what they were given. */
export async function serve(app: App, change: Partial<Config> = {}, deps: Partial<HttpDeps> = {}): Promise<Served> {
  const served: App = { ...app, config: { ...app.config, ...change } };
  const engine = new Engine(served, schema, (head, tenantId) =>
    encodeCursor(app.vault, { tenantId, epoch: head.epoch }, head),
  );
  const echo = async (request: RouteRequest) => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ params: request.params, method: request.method, bytes: request.body.length }),
  });
  const http = createHttpServer({
    app: served,
    engine,
    version: '0.0.0',
    handlers: {
      paymentWebhook: echo,
      legacyFawaterkWebhook: echo,
      payPage: echo,
      payReturn: echo,
      providerWebhook: echo,
      mailNotice: echo,
      mailUnsubscribe: echo,
      flightLink: echo,
      invoicePdf: echo,
      invoiceArchive: echo,
      moneyCsv: echo,
      personExport: echo,
    },
    isReady: async () => true,
    ...deps,
  });
  const port = await http.listen(0, '127.0.0.1');
  return { url: `http://127.0.0.1:${port}`, app: served, close: (graceMs) => http.close(graceMs) };
}

export async function hear(response: Response): Promise<Heard> {
  const text = await response.text();
  let body: Parsed = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Not every answer is JSON.
  }
  const errors: { extensions?: { code?: string } }[] = (Array.isArray(body) ? body : [body]).flatMap(
    (each) => each?.errors ?? (each?.error ? [{ extensions: each.error }] : []),
  );
  return {
    status: response.status,
    headers: response.headers,
    text,
    body,
    codes: errors.map((error) => error.extensions?.code ?? 'none'),
  };
}

/** Sends a GraphQL request as JSON. */
export async function post(served: Served, body: unknown, headers: Record<string, string> = {}): Promise<Heard> {
  const response = await fetch(`${served.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return hear(response);
}

export async function get(
  served: Served,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Heard> {
  return hear(await fetch(`${served.url}${path}`, { method, headers, redirect: 'manual' }));
}

/** A secret key of a tenant. */
export async function makePartnerKey(app: App, tenantId: string, scopes: readonly string[]): Promise<string> {
  const key = `sk_test_${randomBytes(32).toString('base64url')}`;
  await importKey(app, { name: 'test', clock: app.clock, newId: app.newId }, tenantId, {
    key,
    scopes,
    expiresAt: null,
  });
  return key;
}

/** Sets a tenant's points a minute; before it is first heard of, so that no process has kept another. */
export async function setLimit(app: App, tenantId: string, points: number): Promise<void> {
  await app.db.write({ tenantId, customerId: null }, (tx) =>
    tx.query('update portal_configs set rate_limit_per_minute = $1 where tenant_id = current_tenant()', [points]),
  );
}
