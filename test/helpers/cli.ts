import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { perform } from '../../src/cli/run.ts';
import { TRAVEL_PROVIDERS } from '../../src/integrations/providers.ts';
import { vendorOfCli } from './cli-vendor.ts';
import type { TestDatabase } from './database.ts';

export interface CliAnswer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  /** What comes by standard input. */
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The product's own, with its own integrations. */
  readonly real?: boolean;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly answer: Promise<CliAnswer>;
}

const OF_TESTS = fileURLToPath(new URL('travel-cli.ts', import.meta.url));
const REAL = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const surroundings = (database: TestDatabase, { environment }: CliOptions): Record<string, string> => ({
  DATABASE_URL: database.appUrl,
  SECRET_KEY: 'a master key for tests, nowhere else in use',
  ...environment,
});

/** The command line as a process of its own, with the vendors of travel.ts for integrations unless the real ones are asked for. */
export function startCli(database: TestDatabase, args: readonly string[], options: CliOptions = {}): RunningCli {
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    ...surroundings(database, options),
  };
  const program = options.real ? REAL : OF_TESTS;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], { env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  // One that is refused before it reads has closed its end.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return { child, answer: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))) };
}

/** The same command in this process: a process takes two seconds to begin. What only a process shows is asked of `startCli`. */
export async function runCli(
  database: TestDatabase,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliAnswer> {
  const environment = surroundings(database, options);
  let [out, err] = ['', ''];
  const fine = await perform(args, {
    environment,
    descriptions: options.real ? TRAVEL_PROVIDERS : vendorOfCli(environment['VENDOR_SAYS']).descriptions,
    result: async (line) => void (out += `${line}\n`),
    progress: (line) => void (err += `${line}\n`),
    input: () => options.input ?? '',
    onEnd: () => () => undefined,
  });
  return { code: fine ? 0 : 1, out, err };
}
