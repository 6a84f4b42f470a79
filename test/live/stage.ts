import { hash, randomBytes, randomUUID } from 'node:crypto';

import { createClient, type Client } from 'graphql-ws';
import { createClient as createStreamClient } from 'graphql-sse';
import { WebSocket } from 'ws';

import { createApp, type RunningApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import { encodeCursor } from '../../src/cursor.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { Engine } from '../../src/graphql/engine.ts';
import { createLiveEngine, createLiveMetrics } from '../../src/graphql/live.ts';
import { createHttpServer, type HttpServer } from '../../src/http.ts';
import type { LiveLimits } from '../../src/live/contract.ts';
import { createLive, type Live } from '../../src/live/live.ts';
import { createLogger } from '../../src/log.ts';
import { schema } from '../../src/schema/index.ts';
import { World } from './world.ts';

export const SECRET_KEY = 'a secret for the tests of the live layer';

/** Issuer of the tokens: one installation, whatever ports its processes have. */
export const BASE_URL = 'http://localhost:4000';

export interface Person {
  readonly tenantId: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly token: string;
}

/** Time as it is, or shifted, so that a token's quarter of an hour need not be waited for. */
export class ShiftedClock implements Clock {
  shiftMs = 0;
  now(): Date {
    return new Date(Date.now() + this.shiftMs);
  }
}

/** A whole api process on a real socket, on a world of its own or shared. */
export class Stage {
  readonly clock = new ShiftedClock();
  readonly world: World;
  readonly running: RunningApp;
  readonly live: Live;
  readonly http: HttpServer;
  readonly #port: number;
  readonly #clients: Client[] = [];

  static async open(world: World, limits: Partial<LiveLimits> = {}): Promise<Stage> {
    const config = loadConfig({
      ENVIRONMENT: 'test',
      PORT: '0',
      DATABASE_URL: world.url,
      SECRET_KEY,
      APP_BASE_URL: BASE_URL,
      ROLE: 'api',
    });
    const clock = new ShiftedClock();
    const running = await createApp({ config, log: createLogger('silent'), clock });
    const { app } = running;
    const engine = new Engine(app, schema, (head, tenantId) =>
      encodeCursor(app.vault, { tenantId, epoch: head.epoch }, head),
    );
    const http = createHttpServer({
      app,
      engine,
      version: 'test',
      handlers: {} as never,
      isReady: () => Promise.resolve(true),
    });
    const live = createLive({
      engine: createLiveEngine(app, engine, (asker) => http.chargeOf(asker)),
      journal: app.journal,
      cursorKey: app.vault,
      clock,
      log: app.log,
      arrive: (request, address) => http.identify(request, address),
      identify: (request) => app.auth.identify(request),
      addressOf: (request) => request.socket.remoteAddress ?? '',
      isOwnOrigin: () => false,
      metrics: createLiveMetrics(app.metrics),
      limits,
    });
    live.attach(http.server);
    http.serveEventStreams((request, response, params, asker) =>
      live.handleEventStream(request, response, params, asker),
    );
    const port = await http.listen(0, '127.0.0.1');
    return new Stage(world, running, live, http, port, clock);
  }

  private constructor(
    world: World,
    running: RunningApp,
    live: Live,
    http: HttpServer,
    port: number,
    clock: ShiftedClock,
  ) {
    this.world = world;
    this.running = running;
    this.live = live;
    this.http = http;
    this.#port = port;
    this.clock = clock;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/graphql`;
  }

  get wsUrl(): string {
    return this.url.replace('http', 'ws');
  }

  /** Shuts down as the product does. */
  async close(): Promise<void> {
    for (const client of this.#clients) await client.dispose();
    await this.live.close();
    await this.http.close(100);
    await this.running.close();
  }

  async person(tenantId: string, role: 'CUSTOMER' | 'OPERATOR' = 'CUSTOMER'): Promise<Person> {
    const [userId, sessionId] = [randomUUID(), randomUUID()];
    await this.world.admin(
      `with u as (insert into users (tenant_id, id, email, role, password_hash, created_at) values ($1, $2, $3, $4::user_role, 'x', now()))
       insert into sessions (tenant_id, id, user_id, created_at, expires_at) values ($1, $5, $2, now(), now() + interval '30 days')`,
      [tenantId, userId, `${userId}@example.com`, role, sessionId],
    );
    const { token } = await this.running.app.auth.issueAccessToken({ userId, sessionId, tenantId });
    return { tenantId, userId, sessionId, token };
  }

  /** A fresh token of somebody's only session. */
  async tokenOf(tenantId: string, userId: string): Promise<string> {
    const [session] = await this.world.admin<{ id: string }>(
      'select id from sessions where tenant_id = $1 and user_id = $2',
      [tenantId, userId],
    );
    return (await this.running.app.auth.issueAccessToken({ userId, sessionId: session!.id, tenantId })).token;
  }

  async secretKey(tenantId: string, scopes: readonly string[]): Promise<{ id: string; key: string }> {
    return this.key(tenantId, 'SECRET', scopes);
  }

  async key(
    tenantId: string,
    kind: 'SECRET' | 'PUBLISHABLE',
    scopes: readonly string[] = [],
  ): Promise<{ id: string; key: string }> {
    const id = randomUUID();
    const key = `${kind === 'SECRET' ? 'sk' : 'pk'}_test_${randomBytes(32).toString('base64url')}`;
    await this.world.admin(
      `insert into api_keys (tenant_id, id, kind, mode, prefix, hash, scopes, created_at) values ($1, $2, $3::api_key_kind, 'TEST', $4, $5, $6, now())`,
      [tenantId, id, kind, key.slice(0, 14), hash('sha256', key, 'buffer'), scopes],
    );
    return { id, key };
  }

  /** The stock WebSocket client. It never comes back by itself: what the tests resume they resume with a cursor. */
  socketClient(
    connectionParams: Record<string, unknown>,
    onClosed?: (event: { code: number; reason: string }) => void,
  ): Client {
    const client = createClient({
      url: this.wsUrl,
      webSocketImpl: WebSocket,
      connectionParams,
      retryAttempts: 0,
      on: { closed: (event) => onClosed?.(event as { code: number; reason: string }) },
    });
    this.#clients.push(client);
    return client;
  }

  streamClient(headers: Record<string, string>) {
    return createStreamClient({ url: this.url, headers, retryAttempts: 0 });
  }

  /** An order of a customer, as it stands before anything happened to it. */
  async order(customer: Pick<Person, 'tenantId' | 'userId'>): Promise<string> {
    const id = randomUUID();
    await this.world.admin(
      `insert into orders (tenant_id, id, type, status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at)
       values ($1, $2, 'PRODUCT', 'DRAFT', $3, 'USD', 1000, 0, 1000, now())`,
      [customer.tenantId, id, customer.userId],
    );
    return id;
  }

  /** Moves an order's status with its event in one transaction, as the verbs do, and wakes the reader. */
  async move(
    customer: Pick<Person, 'tenantId' | 'userId'>,
    orderId: string,
    status = 'ISSUED',
    previousStatus = 'DRAFT',
  ): Promise<void> {
    await this.world.write(
      customer.tenantId,
      'order.status',
      { v: 1, customerId: customer.userId, previousStatus, status },
      orderId,
    );
    this.running.app.journal.wake();
  }
}

export const orderGlobalId = (orderId: string) => encodeGlobalId('Order', orderId);
