import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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

/** The command line as a process of its own, with the vendors of travel.ts for integrations unless the real ones are asked for. */
export function startCli(
  database: TestDatabase,
  args: readonly string[],
  { input = '', environment = {}, real = false }: CliOptions = {},
): RunningCli {
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.appUrl,
    SECRET_KEY: 'a master key for tests, nowhere else in use',
    ...environment,
  };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', real ? REAL : OF_TESTS, ...args], {
    env,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  // One that is refused before it reads has closed its end.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return { child, answer: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))) };
}
