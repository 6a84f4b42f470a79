import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';
import { preview } from 'vite';
import { inject } from 'vitest';

import type { Login } from '../../prisma/seed.ts';
import { createTestDatabase } from '../helpers/database.ts';

/** The sample portal as `npm run example:portal` starts it, from an empty folder, and a browser to look at it. */
export interface Stage {
  readonly address: string;
  /** Where nothing but loopback is found. */
  readonly browser: Browser;
  /** A mutation or query of the platform's administrator, at work in the portal's tenant. */
  asAdmin<T>(document: string, variables: object): Promise<T>;
  /** How a page of this origin with this key fares when it asks for free times: a code, or null for an answer. */
  codeFor(key: string, origin: string): Promise<string | null>;
  /** The page's own, the product's and the simulators': whatever else a page asks for is foreign. */
  readonly ports: number[];
  shot(page: Page, name: string): Promise<void>;
  /** The page as it is built for a server, asking with this key. @returns its address, whose origin nobody has allowed yet */
  serveBuilt(key: string): Promise<string>;
  stop(): Promise<void>;
}

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost',
];
const START_ATTEMPTS_MAX = 3;
const root = resolve(import.meta.dirname, '../..');

/** $CHROMIUM, or where systems keep it; null where none is installed. */
export function findBrowser(): string | null {
  return [process.env['CHROMIUM'] ?? '', ...BROWSERS].find((path) => path !== '' && existsSync(path)) ?? null;
}

export async function openStage(executablePath: string): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-test-portal-'));
  // As root the embedded server runs as somebody else, who must be able to pass through.
  chmodSync(folder, 0o755);
  const database = await databaseOf(join(folder, 'data'));
  const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true }), database.drop];
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const [portal, browser] = await Promise.all([
      startPortal(join(folder, 'data'), database.environment),
      chromium.launch({ executablePath, args: FLAGS }),
    ]);
    undo.push(portal.stop, () => browser.close());
    const admin = readDemo(join(folder, 'data'));
    const token = await logIn(admin);
    return {
      address: `http://localhost:${portal.port}`,
      browser,
      ports: [portal.port, portal.productPort, portal.productPort + 1],
      asAdmin: (document, variables) => ask(admin.url, document, variables, token),
      codeFor: (key, origin) => codeFor(admin.url, key, origin),
      shot: shooter(),
      serveBuilt: async (key) => {
        const built = await serveBuilt(join(folder, 'built'), {
          VITE_PORTOLAN_ENDPOINT: admin.url,
          VITE_PORTOLAN_KEY: key,
        });
        undo.push(built.stop);
        return built.address;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The run's own server where one was named; otherwise the portal brings its embedded one, as it does for everybody. */
async function databaseOf(
  dataDir: string,
): Promise<{ environment: NodeJS.ProcessEnv; drop: () => Promise<void> | void }> {
  if (inject('testServer').isEmbedded) {
    const pointer = join(dataDir, 'postgres-home');
    const drop = () =>
      existsSync(pointer) && rmSync(readFileSync(pointer, 'utf8').trim(), { recursive: true, force: true });
    return { environment: {}, drop: () => void drop() };
  }
  const { appUrl, ownerUrl, drop } = await createTestDatabase();
  return { environment: { DATABASE_URL: appUrl, DATABASE_MIGRATION_URL: ownerUrl }, drop };
}

interface Portal {
  readonly port: number;
  readonly productPort: number;
  stop(): Promise<void>;
}

async function startPortal(dataDir: string, environment: NodeJS.ProcessEnv): Promise<Portal> {
  for (let attempt = 1; ; attempt += 1) {
    const [productPort, port] = await freePorts();
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/portal.ts'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: [join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
        DATA_DIR: dataDir,
        PORT: String(productPort),
        PORTAL_PORT: String(port),
        ...environment,
      },
    });
    const stop = () => end(child);
    const said = await untilReady(child);
    if (said === null) return { port, productPort, stop };
    await stop();
    // Somebody else took the port between our looking and its listening.
    if (attempt === START_ATTEMPTS_MAX || !/is in use|EADDRINUSE/.test(said)) throw new Error(`No portal: ${said}`);
  }
}

/** @returns null when it is ready; what it said when it ended instead */
async function untilReady(child: ChildProcess): Promise<string | null> {
  let said = '';
  const ready = new Promise<null>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream!.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('The sample portal is at')) resolve(null);
      });
  });
  return Promise.race([ready, once(child, 'close').then(() => said)]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function serveBuilt(
  outDir: string,
  environment: Record<string, string>,
): Promise<{ address: string; stop(): Promise<void> }> {
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const args = [vite, 'build', 'examples/portal', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'];
  const env = { PATH: process.env['PATH'], ...environment };
  const [code] = (await once(spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env }), 'exit')) as [number];
  if (code !== 0) throw new Error(`The page can not be built (${code}).`);
  const [, port] = await freePorts();
  const server = await preview({
    configFile: false,
    root: join(root, 'examples/portal'),
    build: { outDir },
    preview: { host: '127.0.0.1', port, strictPort: true },
    logLevel: 'warn',
  });
  return { address: `http://localhost:${port}`, stop: () => server.close() };
}

/** Two neighbours for product and simulators, and one for the page. */
async function freePorts(): Promise<[number, number]> {
  for (;;) {
    const first = await listen(0);
    const port = (first.address() as net.AddressInfo).port;
    const second = await listen(port + 1).catch(() => null);
    const third = await listen(0);
    const page = (third.address() as net.AddressInfo).port;
    for (const server of [first, second, third]) server?.close();
    if (second) return [port, page];
  }
}

async function listen(port: number): Promise<net.Server> {
  const server = net.createServer().listen({ port, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  return server;
}

interface Admin extends Login {
  readonly url: string;
}

function readDemo(dataDir: string): Admin {
  const { url, platformAdmin } = JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8')) as {
    url: string;
    platformAdmin: Login;
  };
  return { url, ...platformAdmin };
}

async function logIn({ url, email, password }: Admin): Promise<string> {
  const document = 'mutation ($input: LoginInput!) { login(input: $input) { session { accessToken } } }';
  const { login } = await ask<{ login: { session: { accessToken: string } } }>(url, document, {
    input: { email, password },
  });
  return login.session.accessToken;
}

async function ask<T>(url: string, query: string, variables: object, token?: string): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}`, 'x-tenant': 'style-consultancy' }),
  };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = (await answer.json()) as { data?: T; errors?: unknown };
  if (!data || errors) throw new Error(`The product refused: ${JSON.stringify(errors)}`);
  return data;
}

async function codeFor(url: string, key: string, origin: string): Promise<string | null> {
  const query = '{ timeSlots(from: "2026-01-01", to: "2026-01-01") { start } }';
  const headers = { 'content-type': 'application/json', 'x-api-key': key, origin };
  // The browser's own question comes first, and is remembered apart.
  const asked = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' };
  const preflight = await fetch(url, { method: 'OPTIONS', headers: asked });
  if (preflight.headers.get('access-control-allow-origin') !== origin) return 'NOT_LISTED';
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const { errors } = (await answer.json()) as { errors?: { extensions: { code: string } }[] };
  return errors?.[0]?.extensions.code ?? null;
}

/** Into PORTAL_SCREENSHOTS, where somebody wants to look at them; otherwise into a folder of the run's, which is printed. */
function shooter(): Stage['shot'] {
  const folder = process.env['PORTAL_SCREENSHOTS'] || mkdtempSync(join(tmpdir(), 'portolan-test-portal-shots-'));
  mkdirSync(folder, { recursive: true });
  console.log(`Screenshots of the sample portal are in ${folder}`);
  let count = 0;
  return async (page, name) => {
    count += 1;
    await page.screenshot({ path: join(folder, `${String(count).padStart(2, '0')}-${name}.png`), fullPage: true });
  };
}
