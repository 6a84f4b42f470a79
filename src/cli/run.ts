import process from 'node:process';
import { parseArgs } from 'node:util';

import { AppError } from '../errors.ts';
import type { ProviderDescription } from '../integrations/travel.ts';
import { ADMIN_CREATE } from './admin.ts';
import { AUDIT_EXPORT } from './audit-export.ts';
import { BOOKINGS_RECONCILE } from './bookings-reconcile.ts';
import { givenOf, PROCESS, UsageError, type Command, type Surroundings } from './command.ts';
import { DUE } from './due.ts';
import { HEALTH_WATCH } from './health-watch.ts';
import { PROVIDER_COMMANDS } from './providers.ts';
import { ROTATE_MASTER } from './rotate-master.ts';
import { ROUTE } from './route.ts';
import { TENANT_COMMANDS } from './tenants-provision.ts';
import { AUDIT_VERIFY, LEDGER_VERIFY } from './verify.ts';

const COMMANDS: readonly Command[] = [
  ADMIN_CREATE,
  LEDGER_VERIFY,
  AUDIT_VERIFY,
  AUDIT_EXPORT,
  ...TENANT_COMMANDS,
  ...PROVIDER_COMMANDS,
  DUE,
  ROUTE,
  HEALTH_WATCH,
  BOOKINGS_RECONCILE,
  ROTATE_MASTER,
];

/** What the command line of this process says; it ends with 0 exactly if it was done and what was looked at is fine. */
export async function runCli(argv: readonly string[], descriptions: readonly ProviderDescription[]): Promise<void> {
  // Whoever reads our lines may have read enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const fine = await perform(argv, { ...PROCESS, environment: process.env, descriptions });
  if (!fine) process.exitCode = 1;
}

/**
 * Does what a command line says, wherever its words come from and go to.
 * @returns whether it was done and what was looked at is fine; where it was not done, why was told as progress
 */
export async function perform(argv: readonly string[], around: Surroundings): Promise<boolean> {
  try {
    return await dispatch(argv, around);
  } catch (error) {
    around.progress(`${isExpected(error) ? (error as Error).message : (error as Error).stack}`);
    return false;
  }
}

/** A mistake of whoever typed, or a refusal: one line is all there is to say. */
function isExpected(error: unknown): boolean {
  return (
    error instanceof UsageError ||
    error instanceof AppError ||
    (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
  );
}

async function dispatch(argv: readonly string[], around: Surroundings): Promise<boolean> {
  const words = argv.filter((word) => !word.startsWith('-'));
  const command = COMMANDS.find(({ name }) => name === words.slice(0, lengthOf(name)).join(' '));
  const asksForHelp = argv.length === 0 || argv.includes('--help');
  if (asksForHelp) {
    await around.result(helpOf(command ? [command] : COMMANDS.filter(({ name }) => name.startsWith(words.join(' ')))));
    return true;
  }
  if (!command) throw new UsageError(`There is no command "${words.join(' ')}".\n\n${helpOf(COMMANDS)}`);
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: command.options ?? {},
  });
  const rest = positionals.slice(lengthOf(command.name));
  const [min, max] = command.words ?? [0, 0];
  if (rest.length < min || rest.length > max) throw new UsageError(`npm run cli -- ${command.name} ${command.usage}`);
  return command.run(givenOf(values, rest), around);
}

/** In words. */
function lengthOf(name: string): number {
  return name.split(' ').length;
}

function helpOf(commands: readonly Command[]): string {
  const known = commands.length > 0 ? commands : COMMANDS;
  const parts = known.map(({ name, usage, help }) =>
    [`  ${`${name} ${usage}`.trim()}`, ...help.map((line) => `      ${line}`), ''].join('\n'),
  );
  return ['npm run cli -- <command>', '', ...parts].join('\n').trimEnd();
}
