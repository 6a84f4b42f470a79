import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { appendAudit } from '../audit.ts';
import { createUser } from '../auth/people.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { loadConfig } from '../config.ts';
import { Database } from '../db.ts';
import { AppError } from '../errors.ts';
import { createIdSource } from '../ids.ts';
import { createPasswords } from '../passwords.ts';
import { verifyAudits, verifyLedgers } from './verify.ts';

const HELP = `npm run cli -- <command>

  admin create --email you@example.com [--first-name Ada] [--last-name Lovelace]
      The first administrator of the platform (OPS-7). The password, 8 characters or more, comes from standard input, or from
      the file named by ADMIN_PASSWORD_FILE; never from an argument, which others on the machine could read.

  ledger verify [--tenant slug]
      Checks every transaction, entry, account and hold of every tenant, or of one: balances, running balances, hash chains (BEY-11).
      Says where a ledger breaks, and ends with 1 then.

  audit verify [--tenant slug]
      The same for the chain of the audit log (PRV-15).
`;

/** A mistake of whoever typed: one line, no stack. */
class UsageError extends Error {}

async function run(argv: readonly string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      email: { type: 'string' },
      'first-name': { type: 'string' },
      'last-name': { type: 'string' },
      tenant: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help || positionals.length === 0) return HELP;
  switch (positionals.join(' ')) {
    case 'admin create':
      if (!values.email) throw new UsageError('Say --email.');
      return createAdmin({
        email: values.email,
        firstName: values['first-name'] ?? null,
        lastName: values['last-name'] ?? null,
      });
    case 'ledger verify':
      return verify(verifyLedgers, values.tenant ?? null);
    case 'audit verify':
      return verify(verifyAudits, values.tenant ?? null);
    default:
      throw new UsageError(`There is no command "${positionals.join(' ')}".\n\n${HELP}`);
  }
}

/** Lines are written as they come, because a long ledger takes minutes. */
async function verify(work: typeof verifyLedgers, tenant: string | null): Promise<string> {
  const db = openDatabase(VERIFY_STATEMENT_MS);
  try {
    const fine = await work(db, tenant, {
      result: (line) => process.stdout.write(`${line}\n`),
      progress: (line) => process.stderr.write(`${line}\n`),
    });
    if (fine === null) throw new UsageError(`There is no tenant "${tenant}".`);
    if (!fine) process.exitCode = 1;
    return '';
  } finally {
    await db.close();
  }
}

/** A slice of a ledger takes a part of a second; a whole audit chain is one statement. */
const VERIFY_STATEMENT_MS = 3_600_000;

function openDatabase(statementTimeoutMs: number): Database {
  return new Database({
    url: loadConfig(process.env).databaseUrl,
    poolSize: 1,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs,
    applicationName: 'portolan-cli',
    nowMs: () => performance.now(),
  });
}

async function createAdmin(person: {
  email: string;
  firstName: string | null;
  lastName: string | null;
}): Promise<string> {
  const password = readPassword();
  const clock = { now: () => new Date() };
  const newId = createIdSource(clock, randomBytes);
  const db = openDatabase(10_000);
  try {
    const tools = { db, clock, newId, auth: { passwords: createPasswords(clock) } };
    const user = await createUser(
      tools,
      PLATFORM_TENANT_ID,
      { ...person, role: 'PLATFORM_ADMIN', locale: null, secret: { password } },
      (tx, made) =>
        appendAudit(tx, {
          id: newId(),
          actor: 'cli',
          action: 'admin.create',
          target: `User:${made.id}`,
          before: null,
          after: { role: 'PLATFORM_ADMIN' },
          occurredAt: clock.now(),
        }),
    );
    return `${user.email} is an administrator of the platform now. Sign in without an API key.\n`;
  } catch (error) {
    if (error instanceof AppError && error.code === 'EMAIL_TAKEN')
      return `${person.email} is there already; nothing was changed.\n`;
    throw error;
  } finally {
    await db.close();
  }
}

function readPassword(): string {
  const file = process.env['ADMIN_PASSWORD_FILE'];
  if (!file && process.stdin.isTTY) process.stderr.write('Password, then Enter and Ctrl-D: ');
  const password = readFileSync(file || 0, 'utf8').replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('No password came by standard input or ADMIN_PASSWORD_FILE.');
  return password;
}

try {
  process.stdout.write(await run(process.argv.slice(2)));
} catch (error) {
  const expected =
    error instanceof UsageError ||
    error instanceof AppError ||
    (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${expected ? (error as Error).message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
