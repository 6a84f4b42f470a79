import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2';
import { compare as bcryptCompare } from 'bcryptjs';

import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';

/** Checks and makes password hashes: argon2id off the main thread; bcrypt is only checked, for imported accounts (TEN-10). */
export interface Passwords {
  hash(password: string): Promise<string>;
  /**
   * A no takes the same time whatever it is for (COM-1): each comes when FAILURE_MS are over, the slowest check included.
   * @param stored null where the account does not exist: then a stand-in is checked.
   */
  verify(stored: string | null, password: string): Promise<{ matches: boolean; outdated: boolean }>;
}

// OWASP's first choice for argon2id: 19 MiB, two passes, one lane. 2 is Argon2id in the package's (ambient) enum.
const ARGON2 = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
// Costs beyond 14 would let one imported account hold a process for seconds.
const BCRYPT_FORM = /^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/;
/** Hashing at once: the thread pool has four threads, which the rest of the process needs too. */
const RUNNING_MAX = 3;
const WAITING_MAX = 200;
/** Longer than a bcrypt check of an imported account takes, which is the slowest. */
const FAILURE_MS = 500;
/** Longer ones only cost time; bcrypt itself reads 72 bytes. */
export const PASSWORD_CHARACTERS_MAX = 256;
/** Existing accounts have passwords from 8 characters (decisions.md, "Keys, tokens, origins, people"). */
const PASSWORD_CHARACTERS_MIN = 8;
const COMMON = new Set([
  'password',
  'password1',
  'passw0rd',
  '12345678',
  '123456789',
  '1234567890',
  'qwertyui',
  'qwerty123',
  'iloveyou',
  '11111111',
  '00000000',
  'abcd1234',
  'letmein1',
  'admin123',
]);

export function isImportableHash(stored: string): boolean {
  return BCRYPT_FORM.test(stored) || stored.startsWith('$argon2id$');
}

/** @throws WEAK_PASSWORD */
export function checkNewPassword(password: string, email: string, field: readonly string[]): void {
  const fault = weakness(password, email.toLowerCase());
  if (fault) throw new AppError('WEAK_PASSWORD', fault, { field });
}

function weakness(password: string, email: string): string | null {
  if (password.length < PASSWORD_CHARACTERS_MIN)
    return `A password needs ${PASSWORD_CHARACTERS_MIN} characters or more.`;
  if (password.length > PASSWORD_CHARACTERS_MAX) return `A password has ${PASSWORD_CHARACTERS_MAX} characters at most.`;
  const lower = password.toLowerCase();
  if (lower === email || lower === email.split('@')[0]) return 'A password must not be the email address.';
  return COMMON.has(lower) || new Set(lower).size === 1 ? 'This password is among the first that are guessed.' : null;
}

/** @param failureMs how long a no takes at least */
export function createPasswords(clock: Clock, failureMs: number = FAILURE_MS): Passwords {
  const gate = createGate();
  const hash = (password: string) => gate(() => argon2Hash(password, ARGON2));
  // Stands in for the hash of an account that does not exist; nobody knows its password.
  let standIn: Promise<string> | null = null;
  const check = async (stored: string | null, password: string): Promise<boolean> => {
    if (stored !== null && BCRYPT_FORM.test(stored)) return gate(() => bcryptCompare(password, stored));
    // Awaited before the gate: inside, it would wait for a place that it holds itself.
    const compared = stored ?? (await (standIn ??= hash('stand-in')));
    const matches = await gate(() => argon2Verify(compared, password));
    return stored !== null && matches;
  };
  return {
    hash,
    verify: async (stored, password) => {
      const startedAtMs = clock.now().getTime();
      const matches = password.length <= PASSWORD_CHARACTERS_MAX && (await check(stored, password));
      if (!matches)
        await new Promise((resolve) =>
          setTimeout(resolve, Math.max(0, startedAtMs + failureMs - clock.now().getTime())),
        );
      return { matches, outdated: matches && BCRYPT_FORM.test(stored ?? '') };
    },
  };
}

/** Lets a bounded number run and a bounded number wait. @throws OVERLOADED beyond */
function createGate(): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= RUNNING_MAX) {
      if (waiting.length >= WAITING_MAX)
        throw new AppError('OVERLOADED', 'The service is busy. Please try again shortly.', {
          log: 'Too many passwords wait to be checked',
        });
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      // Whoever waits takes over the place; the count stays.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
