import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { PaymentForm } from '../../src/integrations/contract.ts';
import { startSimulatorServer } from '../../src/integrations/simulator/server.ts';
import { SIMULATORS } from '../../src/integrations/simulators.ts';

/**
 * The simulators on a free loopback port with a folder of their own: in this process, or as a child that can be
 * killed.
 */
export interface SimulatorsOptions {
  /** A process of its own (slower to start); needed only to kill it. */
  readonly child?: boolean;
  /** Keeps the state of an earlier start; the caller removes it. */
  readonly directory?: string;
  readonly port?: number;
  /** What pages are addressed by. Set it where answers of two starts are compared byte by byte. */
  readonly baseUrl?: string;
}

export interface FawaterkAccount {
  readonly account: string;
  readonly apiKey: string;
  readonly vendorKey?: string;
  /** Where all four hooks go; `_json` in it makes them JSON. */
  readonly webhookUrl?: string;
  readonly webhookUrls?: {
    readonly paid?: string;
    readonly failed?: string;
    readonly cancel?: string;
    readonly refund?: string;
  };
  readonly retryDelaysMs?: readonly number[];
  readonly commissionOnCustomer?: string;
  readonly dialect?: 'classic' | 'newer' | 'legacy';
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly tokenSeconds?: number;
  /** Absent: a refund waits for `decide`. */
  readonly refundApprovalMs?: number;
  readonly showsComments?: boolean;
  readonly offersRefundList?: boolean;
}

export interface FaultRule {
  /** The vendor's own name of it (the simulator's comment lists them), or *. */
  readonly operation: string;
  readonly fault: string;
  readonly nth?: number;
  readonly probability?: number;
  readonly ms?: number;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
}

export interface BookInvoice {
  readonly account: string;
  readonly invoiceId: number;
  readonly invoiceKey: string;
  readonly state: 'unpaid' | 'paid' | 'expired';
  readonly method: string;
  readonly code: string | null;
  readonly currency: string;
  readonly total: string;
  readonly paidTotal: string | null;
  readonly paidCurrency: string | null;
  readonly payLoad: unknown;
}

export interface BookRefund {
  readonly account: string;
  readonly refundId: number;
  readonly invoiceId: number;
  readonly state: 'pending' | 'approved' | 'rejected' | 'deleted';
  readonly amount: string;
  readonly currency: string;
  readonly reason: string;
  readonly comment: string | null;
  readonly approvedAt: string | null;
  /** Where the vendor's staff decides. */
  readonly page: string;
}

export interface BookDelivery {
  readonly about: string;
  readonly hook: string;
  readonly url: string;
  readonly state: 'waiting' | 'held' | 'delivered' | 'givenUp' | 'refused';
  readonly tries: number;
  readonly lastStatus: number | null;
}

export interface Book {
  readonly invoices: readonly BookInvoice[];
  readonly refunds: readonly BookRefund[];
  readonly deliveries: readonly BookDelivery[];
}

export interface Simulators {
  /** http://127.0.0.1:port */
  readonly url: string;
  readonly port: number;
  /** The base URL of a Fawaterk connection. */
  readonly fawaterkUrl: string;
  readonly directory: string;
  registerFawaterk(account: FawaterkAccount): Promise<void>;
  /** Any integration's account; the settings are its own. */
  register(integration: string, account: string, settings: Readonly<Record<string, unknown>>): Promise<void>;
  /** Any integration's books, newest first, as they are. @param drill whose books, where it has its own */
  bookOf(
    integration: string,
    account: string,
    drill?: string,
  ): Promise<{ readonly book: unknown; readonly deliveries: readonly BookDelivery[] }>;
  /** All of it, however long: for proofs that hold two books against each other. */
  wholeBook(integration: string, account: string): Promise<unknown>;
  /** What a browser does with a payment form; @returns the address of the hosted page. */
  submit(form: PaymentForm): Promise<string>;
  /** Newest first. */
  book(account?: string): Promise<Book>;
  /** With a seed the account's books start empty; without one only the rules change. */
  scenario(scenario: {
    account: string;
    seed?: string;
    rules?: readonly FaultRule[];
    integration?: string;
  }): Promise<void>;
  /** What the hosted page's buttons do; `payPage` is the paymentUrl. */
  act(
    payPage: string,
    action: 'pay' | 'fail' | 'expire' | 'pending' | 'cancel',
    more?: { late?: boolean },
  ): Promise<{ status: string; outcome?: string }>;
  /** Buys at the kiosk by reference code. */
  kiosk(
    code: string,
    action: 'pay' | 'fail' | 'expire',
    more?: { late?: boolean },
  ): Promise<{ status: string; outcome?: string }>;
  /** What the vendor's staff does with a refund request; `page` is the book's. */
  decide(page: string, action: 'approve' | 'reject'): Promise<{ status: string }>;
  /** SIGKILL, of a child only. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSimulators(options: SimulatorsOptions = {}): Promise<Simulators> {
  const dataDir = options.directory ?? fs.mkdtempSync(path.join(os.tmpdir(), 'simulators-'));
  const started = options.child ? await startChild(options, dataDir) : await startHere(options, dataDir);
  const url = `http://127.0.0.1:${started.port}`;
  const control = async (method: string, address: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}/_control${address}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The simulators refused ${method} ${address}: ${text}`);
    return JSON.parse(text);
  };
  const act = async (address: string, action: string, more: object): Promise<{ status: string; outcome?: string }> => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify({ action, ...more }) });
    return (await answer.json()) as { status: string; outcome?: string };
  };
  return {
    url,
    port: started.port,
    fawaterkUrl: `${url}/fawaterk/api/v2`,
    directory: dataDir,
    registerFawaterk: async ({ account, webhookUrl, ...rest }) => {
      const all =
        webhookUrl === undefined
          ? {}
          : { paid: webhookUrl, failed: webhookUrl, cancel: webhookUrl, refund: webhookUrl };
      await control('PUT', `/fawaterk/accounts/${encodeURIComponent(account)}`, { webhookUrls: all, ...rest });
    },
    register: async (integration, account, settings) =>
      void (await control('PUT', `/${integration}/accounts/${encodeURIComponent(account)}`, settings)),
    bookOf: async (integration, account, drill) =>
      (await control(
        'GET',
        `/${integration}/book?account=${encodeURIComponent(account)}${drill === undefined ? '' : `&drill=${drill}`}`,
      )) as {
        book: unknown;
        deliveries: BookDelivery[];
      },
    wholeBook: async (integration, account) => {
      const address = `/${integration}/book?account=${encodeURIComponent(account)}&limit=10000`;
      return ((await control('GET', address)) as { book: unknown }).book;
    },
    submit: async (form) => {
      const address = `${url}${new URL(form.action).pathname}`;
      const answer = await fetch(address, {
        method: 'POST',
        body: new URLSearchParams(form.fields),
        redirect: 'manual',
      });
      const page = answer.headers.get('location');
      if (page === null) throw new Error(`The form was refused (${answer.status}): ${await answer.text()}`);
      return page;
    },
    book: async (account) => {
      const query = account === undefined ? '' : `?account=${encodeURIComponent(account)}`;
      const { book, deliveries } = (await control('GET', `/fawaterk/book${query}`)) as {
        book: Book;
        deliveries: BookDelivery[];
      };
      return { invoices: book.invoices, refunds: book.refunds, deliveries };
    },
    scenario: async (scenario) => void (await control('POST', '/scenario', { integration: 'fawaterk', ...scenario })),
    // By our own address, because `localhost` in the page's may be resolved otherwise on a test machine.
    act: (payPage, action, more = {}) => act(`${url}${new URL(payPage).pathname}`, action, more),
    kiosk: (code, action, more = {}) => act(`${url}/fawaterk/kiosk/${code}`, action, more),
    decide: (page, action) => act(`${url}${new URL(page).pathname}`, action, {}),
    kill: () => started.kill(),
    stop: async () => {
      await started.stop();
      if (options.directory === undefined) fs.rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

interface Started {
  readonly port: number;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

async function startHere(options: SimulatorsOptions, dataDir: string): Promise<Started> {
  const server = await startSimulatorServer({
    simulators: SIMULATORS,
    port: options.port ?? 0,
    directory: path.join(dataDir, 'simulators'),
    baseUrl: options.baseUrl,
    now: () => new Date(),
  });
  return {
    port: server.port,
    kill: () => Promise.reject(new Error('Only simulators started with child: true can be killed.')),
    stop: () => server.close(),
  };
}

async function startChild(options: SimulatorsOptions, dataDir: string): Promise<Started> {
  const entry = fileURLToPath(new URL('../../src/integrations/simulators.ts', import.meta.url));
  const child = spawn(process.execPath, [entry], {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      DATA_DIR: dataDir,
      SIMULATORS_PORT: String(options.port ?? 0),
      ...(options.baseUrl !== undefined && { SIMULATORS_BASE_URL: options.baseUrl }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A test that fails before it stops them must not leave them behind, nor wait for them.
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killOnExit);
  child.once('exit', () => process.removeListener('exit', killOnExit));
  const port = await listeningPort(child);
  child.unref();
  if (child.stdout instanceof net.Socket) child.stdout.unref();
  const end = (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.ref();
      child.once('exit', () => resolve());
      child.kill(signal);
    });
  };
  return { port, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

/** The ready line ends with the port listened on, whatever the public address says. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      const match = /, port (\d+)\n/.exec(output);
      if (match) resolve(Number(match[1]));
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`The simulators ended with ${code} before they were ready: ${output}`)),
    );
  });
}
