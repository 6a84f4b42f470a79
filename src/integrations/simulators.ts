import path from 'node:path';
import process from 'node:process';
import { simulateFawaterk } from './fawaterk/simulator.ts';
import { simulatePayfast } from './payfast/simulator.ts';
import { simulatePayu } from './payu/simulator.ts';
import { simulateBooking } from './booking/simulator.ts';
import { simulateExpedia } from './expedia/simulator.ts';
import { simulateKiwi } from './kiwi/simulator.ts';
import { simulateTravelpayouts } from './travelpayouts/simulator.ts';
import { simulateSes } from './ses/simulator.ts';
import { startSimulatorServer, type SimulatorServer } from './simulator/server.ts';
import type { CreateSimulator } from './simulator/types.ts';

/**
 * The simulators' own process: `node src/integrations/simulators.ts`. It knows nothing of our clients, configuration
 * or database, as the vendors do not.
 *
 * SIMULATORS_PORT (4001), DATA_DIR (.data; state under its folder simulators), SIMULATORS_BASE_URL (what its
 * pages are addressed by),
 * ENVIRONMENT (production refuses).
 */
export const SIMULATORS: Readonly<Record<string, CreateSimulator>> = {
  fawaterk: simulateFawaterk,
  payfast: simulatePayfast,
  payu: simulatePayu,
  expedia: simulateExpedia,
  booking: simulateBooking,
  kiwi: simulateKiwi,
  travelpayouts: simulateTravelpayouts,
  ses: simulateSes,
};

export async function runSimulators(
  environment: Readonly<Record<string, string | undefined>>,
  now: () => Date,
): Promise<SimulatorServer> {
  if (environment['ENVIRONMENT'] === 'production') throw new Error('Simulators do not run in production.');
  const port = Number(environment['SIMULATORS_PORT'] || 4001);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('SIMULATORS_PORT is no port.');
  return startSimulatorServer({
    simulators: SIMULATORS,
    port,
    directory: path.join(environment['DATA_DIR'] || '.data', 'simulators'),
    baseUrl: environment['SIMULATORS_BASE_URL'] || undefined,
    now,
  });
}

async function main(): Promise<void> {
  try {
    const server = await runSimulators(process.env, () => new Date());
    const stop = (): void => void server.close().then(() => process.exit(0));
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.stdout.write(
      `simulators ready at ${server.url} (${Object.keys(SIMULATORS).join(', ')}), port ${server.port}\n`,
    );
  } catch (error) {
    process.stderr.write(`simulators: ${error instanceof Error ? error.message : 'did not start'}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main();
