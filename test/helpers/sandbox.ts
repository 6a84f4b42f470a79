import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { OutboundSend, PaymentForm, PaymentGatewayClient } from '../../src/integrations/contract.ts';
import { createIntegrations, type GatewayDescription } from '../../src/integrations/registry.ts';
import { startSimulatorServer } from '../../src/integrations/simulator/server.ts';
import type { CreateSimulator } from '../../src/integrations/simulator/types.ts';
import type { FaultRule } from './simulators.ts';

/** A client behind a policy of its own: fresh circuits and rate limits. */
export function gatewayOf(description: GatewayDescription, send: OutboundSend): PaymentGatewayClient {
  return createIntegrations({
    send,
    clock: { now: () => new Date() },
    random: () => 0.5,
    limits: { retryBaseMs: 1 },
    descriptions: [description],
  }).gateway(description.slug);
}

export interface SandboxOptions {
  /** Keeps the state of an earlier start. */
  readonly directory?: string;
  /** What pages are addressed by. */
  readonly baseUrl?: string;
}

export interface SandboxDelivery {
  readonly about: string;
  readonly hook: string;
  readonly url: string;
  readonly state: string;
  readonly tries: number;
}

/** One simulated vendor in this process, with a folder of its own unless one is given. */
export async function startSandbox(name: string, simulate: CreateSimulator, options: SandboxOptions) {
  const directory = options.directory ?? fs.mkdtempSync(join(os.tmpdir(), `${name}-`));
  const server = await startSimulatorServer({
    simulators: { [name]: simulate },
    port: 0,
    directory,
    baseUrl: options.baseUrl,
    now: () => new Date(),
  });
  const url = `http://127.0.0.1:${server.port}`;
  const control = async (method: string, address: string, body?: unknown): Promise<unknown> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${url}/_control${address}`, { method, ...sent });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The simulator refused ${method} ${address}: ${text}`);
    return JSON.parse(text);
  };
  /** Our own address of theirs: `localhost` may be resolved otherwise on a test machine. */
  const here = (address: string): string => `${url}${new URL(address).pathname}`;
  return {
    directory,
    baseUrl: `${url}/${name}`,
    here,
    register: async (settings: Readonly<Record<string, unknown>>, account: string) =>
      void (await control('PUT', `/${name}/accounts/${account}`, settings)),
    /** With a seed the account's books start empty; without one only the rules change. */
    scenario: async (rules: readonly FaultRule[], seed?: string, account = 'shop') =>
      void (await control('POST', '/scenario', { integration: name, account, rules, ...(seed && { seed }) })),
    book: async <P>(account = 'shop') => {
      const answer = await control('GET', `/${name}/book?account=${account}`);
      const { book, deliveries } = answer as { book: { payments: P[] }; deliveries: SandboxDelivery[] };
      return { payments: book.payments, deliveries };
    },
    /** What the browser does with our form: the address of the hosted page, or the refusal. */
    submit: async (form: PaymentForm): Promise<{ status: number; page: string | null; text: string }> => {
      const body = new URLSearchParams(form.fields);
      const answer = await fetch(here(form.action), { method: 'POST', body, redirect: 'manual' });
      return { status: answer.status, page: answer.headers.get('location'), text: await answer.text() };
    },
    /** Presses a button as a program does. */
    press: async (page: string, action: string): Promise<unknown> => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const answer = await fetch(here(page), { method: 'POST', headers, body: JSON.stringify({ action }) });
      return answer.json();
    },
    stop: async (keep = false) => {
      await server.close();
      if (!keep) fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface Received {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  readonly sourceAddress: string;
  /** Of the address posted to, without the question mark. */
  readonly query: string;
}

/**
 * Takes webhooks as our edge would: raw body, lower-case headers, the peer's address. Its path is its own, because
 * its port may have been another test's, whose simulator still sends there.
 * @param address where an earlier one listened
 */
export async function startReceiver(status: () => number = () => 200, address?: string) {
  const path = address === undefined ? `/hook/${randomUUID()}` : new URL(address).pathname;
  const port = address === undefined ? 0 : Number(new URL(address).port);
  const received: Received[] = [];
  const server = http.createServer((incoming, response) => {
    if (incoming.url?.split('?')[0] !== path) {
      response.writeHead(404).end();
      return;
    }
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const sourceAddress = incoming.socket.remoteAddress ?? '';
      received.push({
        headers: incoming.headers as Record<string, string>,
        body: Buffer.concat(chunks),
        sourceAddress,
        query: incoming.url?.split('?')[1] ?? '',
      });
      response.writeHead(status()).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const listening = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${listening}${path}`,
    received,
    count: async (wanted: number): Promise<Received[]> => {
      await expect.poll(() => received.length, { interval: 5 }).toBeGreaterThanOrEqual(wanted);
      return received;
    },
    /** Those with a text in them: another test's may still be on their way here. */
    about: async (text: string, wanted = 1): Promise<Received[]> => {
      const found = () => received.filter(({ body }) => Buffer.from(body).includes(text));
      await expect.poll(() => found().length, { interval: 5 }).toBeGreaterThanOrEqual(wanted);
      return found();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
