import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { PaymentForm } from '../../src/integrations/contract.ts';
import { simulatePayfast } from '../../src/integrations/payfast/simulator.ts';
import { startSimulatorServer } from '../../src/integrations/simulator/server.ts';
import type { FaultRule } from './simulators.ts';

/** The public sandbox set of the vendor's own documentation (payment-gateways.md 2.1). */
export const SANDBOX = { merchantId: '10000100', merchantKey: '46f0cd694581a', passphrase: 'jt7NOE43FZPn' };

export const CREDENTIALS = {
  MERCHANT_ID: SANDBOX.merchantId,
  MERCHANT_KEY: SANDBOX.merchantKey,
  PASSPHRASE: SANDBOX.passphrase,
};

export interface BookPayment {
  readonly paymentId: number;
  readonly merchantPaymentId: string;
  readonly state: string;
  readonly gross: string | null;
  readonly refunded: string;
  readonly refunds: readonly { readonly amount: string; readonly reason: string }[];
}

interface BookDelivery {
  readonly about: string;
  readonly hook: string;
  readonly url: string;
  readonly state: string;
  readonly tries: number;
}

export type PageAction = 'pay' | 'fail' | 'pending' | 'cancel';

/** The simulated PayFast in this process, with a folder of its own unless one is given. */
export async function startPayfast(options: { directory?: string; baseUrl?: string } = {}) {
  const directory = options.directory ?? fs.mkdtempSync(join(os.tmpdir(), 'payfast-'));
  const server = await startSimulatorServer({
    simulators: { payfast: simulatePayfast },
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
  const here = (address: string): string => `${url}${new URL(address).pathname}`;
  return {
    directory,
    baseUrl: `${url}/payfast`,
    register: async (more: Record<string, unknown> = {}, account = 'shop') =>
      void (await control('PUT', `/payfast/accounts/${account}`, { ...SANDBOX, retryDelaysMs: [20, 20], ...more })),
    scenario: async (rules: readonly FaultRule[], seed?: string, account = 'shop') =>
      void (await control('POST', '/scenario', { integration: 'payfast', account, rules, ...(seed && { seed }) })),
    book: async (account = 'shop') => {
      const answer = await control('GET', `/payfast/book?account=${account}`);
      const { book, deliveries } = answer as { book: { payments: BookPayment[] }; deliveries: BookDelivery[] };
      return { payments: book.payments, deliveries };
    },
    /** What the browser does with our form: the address of the hosted page, or the refusal. */
    submit: async (form: PaymentForm): Promise<{ status: number; page: string | null; text: string }> => {
      const body = new URLSearchParams(form.fields);
      const answer = await fetch(here(form.action), { method: 'POST', body, redirect: 'manual' });
      return { status: answer.status, page: answer.headers.get('location'), text: await answer.text() };
    },
    act: async (page: string, action: PageAction): Promise<{ status: string; paymentId: number; outcome?: string }> => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const answer = await fetch(here(page), { method: 'POST', headers, body: JSON.stringify({ action }) });
      return (await answer.json()) as { status: string; paymentId: number; outcome?: string };
    },
    here,
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
}

/**
 * Takes notifications as our edge would: raw body, lower-case headers, the peer's address. Its path is its own, because
 * its port may have been another test's, whose simulator still sends there.
 * @param address where an earlier one listened
 */
export async function startReceiver(status: () => number = () => 200, address?: string) {
  const path = address === undefined ? `/itn/${randomUUID()}` : new URL(address).pathname;
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
      await expect.poll(() => received.length, { timeout: 5_000, interval: 5 }).toBeGreaterThanOrEqual(wanted);
      return received;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
