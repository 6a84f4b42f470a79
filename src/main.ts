import process from 'node:process';

import { createApp } from './app.ts';
import { loadConfig, type Config } from './config.ts';
import { startWorker } from './jobs/worker.ts';
import { createLogger, type Logger } from './log.ts';
import { startServer } from './server.ts';

/** One process of the product: `all`, `api` or `worker` (OPS-4). Any number of each may run on one database. */
async function run(config: Config, log: Logger): Promise<() => Promise<void>> {
  const running = await createApp({ config, log });
  const worker = config.role === 'api' ? null : await startWorker(running.app);
  // A worker serves /health, /ready and /metrics, too: whoever runs it wants to see it live.
  const server = await startServer(running.app);
  log.info({ role: config.role, port: server.port }, 'ready');
  return async () => {
    log.info('draining');
    await server.close();
    await worker?.close();
    await running.close();
    log.info('stopped');
  };
}

function readConfig(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}

const config = readConfig();
const log = createLogger(config.logLevel);
try {
  const stop = await run(config, log);
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) return;
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'did not stop in order');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
  // Started by a launcher: when that is gone, nobody is left to stop us.
  if (process.connected) {
    process.once('disconnect', onSignal);
    process.channel?.unref();
  }
} catch (error) {
  process.stderr.write(`Portolan did not start: ${(error as Error).message}\n`);
  process.exit(1);
}
