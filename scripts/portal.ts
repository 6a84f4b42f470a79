/**
 * `npm run example:portal`: the sample portal (examples/portal) on Vite's own server, with the product behind it: the one that `npm start`
 * runs on this data directory, or one that is started and stopped together with the page.
 *
 * PORTAL_PORT (5173): where the page is. All else is as for `npm start`; PORT and DATA_DIR name another product.
 */
import { createServer as createHttpServer } from 'node:http';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import process from 'node:process';

import { createServer as createViteServer } from 'vite';

import { dataDirHolder, prepareDataDir } from '../src/launch/dataDirectory.ts';
import { joinOwner, openDatabase } from '../src/launch/database.ts';
import { LaunchFault, reportFault } from '../src/launch/fault.ts';
import { keepRunning } from '../src/launch/keeper.ts';
import { preparePortal, type PortalShop } from '../src/launch/portal.ts';
import { answers, assertPortFree } from '../src/launch/probes.ts';
import { readSecretKey, readSettings, type LaunchSettings } from '../src/launch/settings.ts';

const root = resolve(import.meta.dirname, '..');
const log = (line: string): void => console.log(line);
const HOST = '127.0.0.1';
/** The first start makes a database. */
const START_MS_MAX = 180_000;

const undo: (() => Promise<unknown>)[] = [];
let stopping: Promise<void> | null = null;

function stop(code: number): Promise<void> {
  stopping ??= (async () => {
    for (const step of undo.splice(0).toReversed()) await step().catch(reportFault);
    process.exit(process.exitCode ?? code);
  })();
  return stopping;
}

/** What was started while stopping had begun is stopped here and now. */
async function stopLater(step: () => Promise<unknown>): Promise<void> {
  if (!stopping) return void undo.push(step);
  await step();
  await new Promise<never>(() => undefined);
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const port = Number(process.env['PORTAL_PORT'] || 5173);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new LaunchFault('PORTAL_PORT is no port.');
  if (settings.environment === 'production')
    throw new LaunchFault('The sample portal pays at a simulated gateway; there is none in production.');
  settings.dataDir = prepareDataDir(settings.dataDir);
  await assertPortFree(port, HOST, 'the portal; PORTAL_PORT sets another').catch((error: Error) => {
    throw new LaunchFault(error.message.replace('set PORT.', 'set PORTAL_PORT.'));
  });
  await ensureProduct(settings);
  const address = `http://localhost:${port}`;
  const shop = await prepareShop(settings, address);
  await serve(settings, port, shop);
  const { email, password } = shop.customer;
  log(
    `\nThe sample portal is at ${address}  (register there, or sign in as ${email} with ${password}; Ctrl-C stops)\n`,
  );
}

async function ensureProduct(settings: LaunchSettings): Promise<void> {
  const isServed = () => answers(`http://${HOST}:${settings.port}/ready`, [200]);
  if (dataDirHolder(settings.dataDir) !== null && (await isServed())) return;
  const product = await keepRunning({
    name: 'The product',
    file: join(root, 'src', 'launch', 'start.ts'),
    env: { ...process.env, DATA_DIR: settings.dataDir },
    log,
    // Its banner comes last of all, so that ours is the last line; whoever is ready has taken the lock and serves.
    isReady: isServed,
    readyMsMax: START_MS_MAX,
  });
  await stopLater(product.stop);
}

async function prepareShop(settings: LaunchSettings, origin: string): Promise<PortalShop> {
  const secretKey = readSecretKey(process.env, settings);
  const database = await openDatabase(settings, log, () => joinOwner(settings, log));
  try {
    const file = join(root, 'examples', 'style-consultancy.yaml');
    return await preparePortal(settings, { appUrl: database.appUrl, secretKey, file, origin });
  } finally {
    await database.stop();
  }
}

/** In a server of ours: Vite's own ends the process by itself on a signal, before everything else is stopped. */
async function serve(settings: LaunchSettings, port: number, { key }: PortalShop): Promise<void> {
  process.env['VITE_PORTOLAN_ENDPOINT'] = `${settings.baseUrl}/graphql`;
  process.env['VITE_PORTOLAN_KEY'] = key;
  // Beside the data, so that two portals do not write over each other's.
  process.env['PORTAL_CACHE'] = join(settings.dataDir, 'portal-cache');
  const server = createHttpServer();
  const vite = await createViteServer({
    configFile: join(root, 'examples', 'portal', 'vite.config.ts'),
    server: { middlewareMode: true, hmr: { server } },
    logLevel: 'warn',
    clearScreen: false,
  });
  await stopLater(() => vite.close());
  server.on('request', vite.middlewares);
  server.listen(port, HOST);
  await once(server, 'listening');
  await stopLater(async () => {
    server.closeAllConnections();
    server.close();
  });
}

// A closed terminal or pipe must not keep us from stopping in order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0));
if (process.connected) {
  process.once('disconnect', () => void stop(0));
  process.channel?.unref();
}

await main().catch(async (error: unknown) => {
  reportFault(error);
  await stop(1);
});
