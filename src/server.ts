import { readdirSync } from 'node:fs';

import type { App } from './context.ts';
import { encodeCursor } from './cursor.ts';
import { Engine } from './graphql/engine.ts';
import { createLiveEngine, createLiveMetrics } from './graphql/live.ts';
import { createHttpServer } from './http.ts';
import { createInvoiceArchive } from './invoice-archive.ts';
import { sourceAddressOf } from './http/source.ts';
import { createLive } from './live/live.ts';
import { createMoneyCsv } from './money-csv.ts';
import { createPersonExport } from './person-export.ts';
import { payPage } from './pay-page.ts';
import {
  flightLink,
  invoicePdf,
  legacyFawaterkWebhook,
  mailNotice,
  mailUnsubscribe,
  paymentWebhook,
  payReturn,
  providerWebhook,
  type RenderInvoice,
} from './routes.ts';
import { schema } from './schema/index.ts';
import { createInvoiceRenderer } from './typesetting/render.ts';

export const VERSION = '0.1.0';

export interface RunningServer {
  readonly port: number;
  /** Takes nothing new, ends subscriptions with the place to go on from, lets requests finish (OPS-5). */
  close(): Promise<void>;
}

/** The HTTP side of a process: the graph over HTTP, WebSocket and server-sent events, and what stands beside it. */
export async function startServer(app: App): Promise<RunningServer> {
  const { vault } = app;
  const engine = new Engine(app, schema, (head, tenantId) =>
    encodeCursor(vault, { tenantId, epoch: head.epoch }, head),
  );
  const renderer = createInvoiceRenderer();
  const render: RenderInvoice = (document, logo) => renderer.render(document, logo);
  const http = createHttpServer({
    app,
    engine,
    version: VERSION,
    isReady: () => isMigrated(app),
    handlers: {
      paymentWebhook: (request) => paymentWebhook(app, request),
      legacyFawaterkWebhook: (request) => legacyFawaterkWebhook(app, request),
      payPage: (request) => payPage(app, request),
      payReturn: (request) => payReturn(app, request),
      providerWebhook: (request) => providerWebhook(app, request),
      mailNotice: (request) => mailNotice(app, request),
      mailUnsubscribe: (request) => mailUnsubscribe(app, request),
      flightLink: (request) => flightLink(app, request),
      invoicePdf: (request) => invoicePdf(app, render, request),
      invoiceArchive: createInvoiceArchive(app, render),
      moneyCsv: createMoneyCsv(app),
      personExport: createPersonExport(app),
    },
  });
  const live = createLive({
    engine: createLiveEngine(app, engine, (asker) => http.chargeOf(asker)),
    journal: app.journal,
    cursorKey: vault,
    clock: app.clock,
    log: app.log,
    arrive: (request, address) => http.identify(request, address),
    identify: (request) => app.auth.identify(request),
    addressOf: (request) => sourceAddressOf(request, app.config.trustedProxies),
    isOwnOrigin: (origin) => http.isOwnOrigin(origin),
    metrics: createLiveMetrics(app.metrics),
  });
  live.attach(http.server);
  http.serveEventStreams((request, response, params, asker) =>
    live.handleEventStream(request, response, params, asker),
  );
  const port = await http.listen(app.config.port, app.config.host);
  return {
    port,
    async close() {
      await Promise.all([live.close(), http.close()]);
      await renderer.close();
    },
  };
}

const MIGRATIONS = readdirSync(new URL('../prisma/migrations', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .toSorted();

/** The database answers, and has the newest migration this program knows. */
async function isMigrated(app: App): Promise<boolean> {
  const [row] = await app.db.lookUp<{ applied: boolean }>('select has_migration($1) as applied', [MIGRATIONS.at(-1)]);
  return row?.applied === true;
}
