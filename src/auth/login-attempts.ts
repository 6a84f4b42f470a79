import type { Budgets } from '../budgets.ts';
import { AppError } from '../errors.ts';

/** Wrong passwords per account and minute, over all processes; right ones are free. */
const FAILURES_PER_MINUTE = 10;
/** Attempts on one account at the same moment in this process: a burst cannot outrun the count. */
const AT_ONCE_MAX = 4;

/** Slows down guessing at one account (COM-1). Accounts are named by a keyed hash, so that no address is kept. */
export class LoginAttempts {
  readonly #budgets: Budgets;
  readonly #running = new Map<string, number>();

  constructor(budgets: Budgets) {
    this.#budgets = budgets;
  }

  /**
   * Runs one attempt; work answers null where the login failed.
   * @throws RATE_LIMITED after too many failures, whether the account exists or not
   */
  async run<T>(tenantId: string, account: string, work: () => Promise<T | null>): Promise<T | null> {
    const bucket = `login:${account}`;
    const name = `${tenantId} ${account}`;
    const running = this.#running.get(name) ?? 0;
    if (running >= AT_ONCE_MAX) throw tooMany(null);
    this.#running.set(name, running + 1);
    try {
      const budget = await this.#budgets.take(tenantId, bucket, 0, FAILURES_PER_MINUTE);
      if (budget.remaining < 1) throw tooMany(budget.resetAt);
      const result = await work();
      if (result === null) await this.#budgets.take(tenantId, bucket, 1, FAILURES_PER_MINUTE);
      return result;
    } finally {
      const left = (this.#running.get(name) ?? 1) - 1;
      if (left > 0) this.#running.set(name, left);
      else this.#running.delete(name);
    }
  }
}

function tooMany(resetAt: Date | null): AppError {
  return new AppError(
    'RATE_LIMITED',
    'Too many attempts to sign in. Please wait a minute.',
    resetAt ? { details: { retryAt: resetAt.toISOString() } } : {},
  );
}
