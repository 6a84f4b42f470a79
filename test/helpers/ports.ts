import { createServer } from 'node:net';
import process from 'node:process';

/**
 * Ports that the system gives to nobody by itself: one of its own, once let go, may be somebody's connection a moment later, and whoever
 * wanted to listen there fails. Each worker of a run has its own hundreds, so that no two ask for the same.
 */
const FROM = 10_000;
const COUNT = 20_000;
const PER_WORKER = 400;
/** Runs begin at different places: their workers have different parents. */
const PER_RUN = 2_003;

let asked = 0;

/** One that is free now, and that nobody else here asks for soon. */
export async function freePort(): Promise<number> {
  const begin = process.ppid * PER_RUN + Number(process.env['VITEST_POOL_ID'] ?? 0) * PER_WORKER;
  for (let attempt = 0; attempt < PER_WORKER; attempt += 1) {
    const port = FROM + ((begin + (asked++ % PER_WORKER)) % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error('No port is free.');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
