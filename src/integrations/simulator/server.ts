import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { createOutbound } from '../http.ts';
import { handleControl } from './control.ts';
import { createDeliveries } from './deliveries.ts';
import { openDrills } from './drills.ts';
import { answerWithFault, write } from './faults.ts';
import { createScenarios } from './scenario.ts';
import { openStore } from './store.ts';
import type { CreateSimulator, SimulatorAnswer, SimulatorRequest } from './types.ts';
import { openVendors, type Met, type Vendors } from './vendors.ts';

/**
 * Serves simulated vendors on one loopback port: /{integration}/... is the vendor, /_drill/{name}/{integration}/... the
 * vendor as a drill meets it (as does whoever names one in x-sandbox-drill), /_control/... is ours. Plain node:http, because a payment bench asks it back a thousand
 * times a second.
 */
export interface SimulatorServerOptions {
  /** By integration; every value makes one simulator. */
  readonly simulators: Readonly<Record<string, CreateSimulator>>;
  /** 0 picks a free port. */
  readonly port: number;
  /** Where the state lives. */
  readonly directory: string;
  /** What pages and redirects are addressed by; without it the port listened on. */
  readonly baseUrl?: string | undefined;
  readonly now: () => Date;
}

export interface SimulatorServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 1_048_576;

/** @throws Error EADDRINUSE before any state is touched: two processes must not share one journal. */
export async function startSimulatorServer(options: SimulatorServerOptions): Promise<SimulatorServer> {
  let handle: Handle = async (_request, response) => write(response, plain(503, 'starting'));
  const server = http.createServer((incoming, response) => {
    void receive(incoming, response, (request) => handle(request, response));
  });
  server.keepAliveTimeout = 5_000;
  await listen(server, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const url = (options.baseUrl ?? `http://localhost:${port}`).replace(/\/+$/, '');
  const world = openWorld(options, url);
  handle = world.handle;
  return {
    port,
    url,
    close: async () => {
      world.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      world.close();
    },
  };
}

type Handle = (request: SimulatorRequest, response: http.ServerResponse) => Promise<void>;

/** Loopback only: nobody else's machine may pay our invoices. */
function listen(server: http.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function openWorld(options: SimulatorServerOptions, url: string): { handle: Handle; stop(): void; close(): void } {
  const { directory, now } = options;
  const shared = openStore(directory, 'machinery');
  const outbound = createOutbound();
  const scenarios = createScenarios(shared);
  const deliveries = createDeliveries(shared, { send: outbound.send, now });
  const drills = openDrills({ store: shared, scenarios, deliveries, now });
  const vendors = openVendors({ ...options, creators: options.simulators, url, shared, scenarios, deliveries, drills });
  loadAccounts(directory, vendors);
  deliveries.start();
  return {
    handle: async (request, response) => {
      const [, first = '', ...rest] = request.path.split('/');
      if (first === '_control') {
        const below = { ...request, path: `/${rest.join('/')}` };
        return write(response, handleControl({ vendors, scenarios, deliveries, drills }, below));
      }
      const [drill, mount = '', ...path] = first === '_drill' ? rest : [null, first, ...rest];
      const named = drill ?? request.headers['x-sandbox-drill'] ?? null;
      return meet(vendors.met(mount, named), { ...request, path: `/${path.join('/')}` }, response);
    },
    stop: () => {
      deliveries.stop();
      outbound.close();
    },
    close: () => {
      vendors.close();
      shared.close();
    },
  };
}

async function meet(vendor: Met | undefined, request: SimulatorRequest, response: http.ServerResponse): Promise<void> {
  if (!vendor) return write(response, plain(404, 'no such integration'));
  const { simulator } = vendor;
  const identified = simulator.identify(request);
  const { account, operation } = identified;
  const fault = account === null ? null : vendor.next(account, operation);
  if (fault) return answerWithFault(simulator, request, identified, fault, response, (ms) => delay(ms));
  return write(response, simulator.perform(request, identified, null));
}

/**
 * accounts.json beside the state, `{integration: {id: settings}}`: accounts for those who do not want to call
 * the control interface.
 */
function loadAccounts(directory: string, vendors: Vendors): void {
  const file = path.join(directory, 'accounts.json');
  if (!fs.existsSync(file)) return;
  const content = AccountsFile.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
  for (const [name, accounts] of Object.entries(content)) {
    for (const [id, settings] of Object.entries(accounts)) vendors.putAccount(name, id, settings);
  }
}

const AccountsFile = z.record(z.string(), z.record(z.string(), z.unknown()));

async function receive(
  incoming: http.IncomingMessage,
  response: http.ServerResponse,
  handle: (request: SimulatorRequest) => Promise<void>,
): Promise<void> {
  try {
    const body = await readAll(incoming);
    if (body === null) return write(response, plain(413, 'too large'));
    const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(incoming.headers))
      headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
    await handle({ method: incoming.method ?? 'GET', path, query: new URLSearchParams(query), headers, body });
  } catch (error) {
    // A defect of the simulator: said in the answer, because it has no log and holds nobody's secrets.
    if (!response.headersSent) write(response, plain(500, error instanceof Error ? error.message : 'defect'));
  }
}

async function readAll(incoming: http.IncomingMessage): Promise<string | null> {
  if (incoming.method === 'GET') return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function plain(status: number, text: string): SimulatorAnswer {
  return { status, headers: { 'content-type': 'text/plain' }, body: `${text}\n` };
}
