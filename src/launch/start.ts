import { watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { banner } from './banner.ts';
import { openDatabase, openOwner } from './database.ts';
import { lockDataDir, prepareDataDir } from './dataDirectory.ts';
import { prepareDemo, type DemoFile } from './demo.ts';
import { reportFault } from './fault.ts';
import { keepRunning, type Keeper } from './keeper.ts';
import { answers, assertPortFree } from './probes.ts';
import { readSecretKey, readSettings, type LaunchSettings } from './settings.ts';

// npm start, and npm run dev with --watch: database, migrations, demo data, simulators, application; each stopped in the
// opposite order when this process is told to stop or loses its own launcher.
const root = resolve(import.meta.dirname, '../..');
const isWatching = process.argv.includes('--watch');
const log = (line: string): void => console.log(line);
const CHANGE_SETTLES_MS = 150;

const undo: (() => Promise<void> | void)[] = [];
let stopping: Promise<void> | null = null;

function stop(code: number): Promise<void> {
  stopping ??= (async () => {
    for (const step of undo.splice(0).toReversed()) await Promise.resolve(step()).catch(reportFault);
    process.exit(process.exitCode ?? code);
  })();
  return stopping;
}

/** What was started is put down for stopping; when stopping began meanwhile, it is stopped here and now. */
async function started<T>(thing: T, step: () => Promise<void> | void): Promise<T> {
  if (stopping) {
    await step();
    return new Promise<never>(() => undefined);
  }
  undo.push(step);
  return thing;
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  settings.dataDir = prepareDataDir(settings.dataDir);
  // The embedded server takes this lock itself.
  if (settings.databaseUrl ?? settings.migrationUrl) undo.push(await lockDataDir(settings.dataDir));
  const secretKey = readSecretKey(process.env, settings);
  const isDemo = settings.environment !== 'production';
  await assertPortFree(settings.port, settings.host, 'the application');
  if (isDemo) await assertPortFree(settings.simulatorsPort, '127.0.0.1', 'the simulators');

  const onLost = (fault: Error): void => {
    reportFault(fault);
    void stop(1);
  };
  const database = await openDatabase(settings, log, () => openOwner(settings, log, onLost));
  await started(database, database.stop);
  let demo: DemoFile | null = null;
  if (isDemo) {
    demo = await prepareDemo(settings, database.appUrl, secretKey);
    const simulators = await startSimulators(settings);
    await started(simulators, simulators.stop);
  }
  const application = await startApplication(settings, {
    DATABASE_URL: database.appUrl,
    SECRET_KEY: secretKey,
    ...demoVariables(settings, demo),
  });
  await started(application, application.stop);
  if (isWatching) watchSources(application);
  console.log(banner(settings, database.description, demo));
}

function startSimulators(settings: LaunchSettings): Promise<Keeper> {
  return keepRunning({
    name: 'The simulators',
    file: join(root, 'src', 'integrations', 'simulators.ts'),
    env: { ...baseEnvironment(), SIMULATORS_PORT: String(settings.simulatorsPort), DATA_DIR: settings.dataDir },
    log,
    isReady: () => answers(`http://127.0.0.1:${settings.simulatorsPort}/`, [200, 400, 404]),
    readyMsMax: 30_000,
  });
}

function startApplication(settings: LaunchSettings, variables: NodeJS.ProcessEnv): Promise<Keeper> {
  const host = settings.host === '0.0.0.0' || settings.host === '::' ? '127.0.0.1' : settings.host;
  return keepRunning({
    name: 'The application',
    file: join(root, 'src', 'main.ts'),
    env: {
      ...baseEnvironment(),
      PORT: String(settings.port),
      APP_BASE_URL: settings.baseUrl,
      DATA_DIR: settings.dataDir,
      ...variables,
    },
    log,
    isReady: () => answers(`http://${host.includes(':') ? `[${host}]` : host}:${settings.port}/ready`, [200]),
    readyMsMax: 60_000,
    waitsForChange: isWatching,
  });
}

/** What the demo presets; a variable the user set wins. */
function demoVariables(settings: LaunchSettings, demo: DemoFile | null): NodeJS.ProcessEnv {
  if (demo === null) return {};
  const simulators = `http://127.0.0.1:${settings.simulatorsPort}`;
  const preset: Record<string, string> = {
    // By the name the pages there call themselves: a browser holds what a form may be sent on to against it.
    SIMULATORS_URL: `http://localhost:${settings.simulatorsPort}`,
    FAWATERK_BASE_URL: `${simulators}/fawaterk/api/v2`,
    LEGACY_FAWATERK_TENANT: demo.tenantSlug,
    GRAPHIQL_KEY: demo.partnerKey,
    // The lines of every request would bury the banner; `npm run dev` shows them.
    LOG_LEVEL: isWatching ? 'info' : 'warn',
  };
  return Object.fromEntries(Object.entries(preset).filter(([name]) => !process.env[name]));
}

/** The owner's address is no business of the application's. */
function baseEnvironment(): NodeJS.ProcessEnv {
  const { DATABASE_MIGRATION_URL: _owner, ...env } = process.env;
  return env;
}

function watchSources(application: Keeper): void {
  let timer: NodeJS.Timeout | undefined;
  let work = Promise.resolve();
  const watcher = watch(join(root, 'src'), { recursive: true }, (_event, file) => {
    const isOurs = file !== null && /\.(ts|json|typ|html|css)$/.test(file) && !/^(launch|generated)\b/.test(file);
    if (!isOurs) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      log(`${file} changed; restarting.`);
      work = work.then(() => application.restart());
    }, CHANGE_SETTLES_MS);
  });
  undo.push(() => watcher.close());
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
