import { actorName } from './access.ts';
import type { Context } from './context.ts';
import type { Transaction } from './db.ts';
import { pgCode } from './db.ts';
import { checkOperationKey, firstDifferingField } from './domain/operation.ts';
import { AppError, type ErrorCode } from './errors.ts';

/** What a verb did: the object it made or changed. */
export interface Done {
  readonly type: string;
  readonly id: string;
  /** Shown in this answer only, never kept: a new key's secret. */
  readonly once?: Readonly<Record<string, unknown>>;
}

export interface UserErrorShape {
  readonly code: ErrorCode;
  readonly field?: readonly string[] | undefined;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * How a verb writes. With an idempotency key the claim and the result stand in the same transaction as the change, so that no crash
 * can come between them (GQL-5, decisions.md "Operations").
 */
export interface OperationHandle {
  /** For verbs of one transaction: claims, works and records the result at once. Two at once: the second waits on the claim. */
  once(work: (tx: Transaction) => Promise<Done>): Promise<Done>;
  /**
   * Transaction A of a verb that calls outside: claims with a lease and commits the intent, naming what it is about. `complete`
   * where nothing is left to do: the result is recorded at once.
   */
  begin<T>(work: (tx: Transaction) => Promise<{ about: Done; value: T; complete?: boolean }>): Promise<T>;
  /** Transaction B: records the outcome of the call and the result. */
  finish(work: (tx: Transaction) => Promise<Done>): Promise<Done>;
  /** Transaction B where the answer was lost: opens the inquiry and leaves the operation UNKNOWN. @returns the inquiry's id */
  lose(work: (tx: Transaction) => Promise<string>): Promise<string>;
}

/** A refusal that says nothing lasting about the operation: the same key may try again. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'QUERY_TOO_COSTLY',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'OPERATION_IN_FLIGHT',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_INPUT_MISMATCH',
  'PAYMENT_PENDING',
  'ERASURE_BLOCKED',
  // Whoever is told to pay or cancel first does so and asks again.
  'TOO_MANY_UNPAID',
  'RESOURCE_IN_USE',
  'DECRYPTION_FAILED',
  'CREDENTIALS_MISSING',
  'CONNECTION_TEST_REQUIRED',
  'CONNECTION_TEST_FAILED',
  'GATEWAY_UNAVAILABLE',
  'PROVIDER_UNAVAILABLE',
  'CIRCUIT_OPEN',
  'INTERNAL',
]);
const LEASE_MS = 60_000;
const WAIT_STEP_MS = 40;
const WAIT_MAX_MS = 640;

interface OperationRow {
  mutation: string;
  fingerprint: Record<string, string>;
  status: 'IN_FLIGHT' | 'SUCCEEDED' | 'FAILED' | 'UNKNOWN';
  result_type: string | null;
  result_id: string | null;
  user_errors: UserErrorShape[];
}

/** Thrown inside a transaction that found the key taken; never leaves this module. */
class KeyTaken extends Error {}

/** What of a request an operation needs. The claim stands in the scope's tenant, like the work. */
type Claimant = Pick<Context, 'app' | 'actor' | 'scope' | 'deadlineAtMs'>;

/** Runs work under the input's idempotency key, if it has one. @returns the first result, also for a repeat. */
export async function runOperation(
  ctx: Claimant,
  mutation: string,
  input: Readonly<Record<string, unknown>>,
  work: (operation: OperationHandle) => Promise<Done>,
): Promise<Done> {
  const key = input['idempotencyKey'];
  if (key === null || key === undefined) return work(withoutKey(ctx));
  checkOperationKey(key);
  const claim = new Claim(ctx, mutation, key as string, fingerprint(ctx, input));
  try {
    return await work(claim);
  } catch (error) {
    if (error instanceof KeyTaken || isClaimTimeout(error, claim)) return claim.firstResult();
    // A repeat is told what became of the first, also where today it would already fail on the way to its claim.
    if (error instanceof AppError && (await claim.isAnothers())) return claim.firstResult();
    await claim.recordFailure(error);
    throw error;
  }
}

function withoutKey(ctx: Claimant): OperationHandle {
  return {
    once: (work) => ctx.app.db.write(ctx.scope, work),
    begin: async (work) => (await ctx.app.db.write(ctx.scope, work)).value,
    finish: (work) => ctx.app.db.write(ctx.scope, work),
    lose: (work) => ctx.app.db.write(ctx.scope, work),
  };
}

// The second of two waits on the first one's claim inside the database; a wait cut short by the lock time-out asks the row instead.
function isClaimTimeout(error: unknown, claim: Claim): boolean {
  const code = pgCode(error);
  return !claim.claimed && (code === '55P03' || code === '57014');
}

function fingerprint(ctx: Claimant, input: Readonly<Record<string, unknown>>): Record<string, string> {
  const fields = Object.entries(input).filter(([name, value]) => name !== 'idempotencyKey' && value !== undefined);
  return Object.fromEntries(fields.map(([name, value]) => [name, ctx.app.vault.fingerprint(canonical(value))]));
}

/** JSON with sorted names, so that two spellings of one input are equal. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (inner && typeof inner === 'object' && !Array.isArray(inner) && !(inner instanceof Date)) {
      return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    }
    return inner;
  });
}

class Claim implements OperationHandle {
  claimed = false;
  readonly #ctx: Claimant;
  readonly #mutation: string;
  readonly #key: string;
  readonly #fingerprint: Record<string, string>;
  readonly #actor: string;

  constructor(ctx: Claimant, mutation: string, key: string, print: Record<string, string>) {
    this.#ctx = ctx;
    this.#mutation = mutation;
    this.#key = key;
    this.#fingerprint = print;
    this.#actor = actorName(ctx.actor);
  }

  once(work: (tx: Transaction) => Promise<Done>): Promise<Done> {
    return this.#ctx.app.db.write(this.#ctx.scope, async (tx) => {
      await this.#take(tx);
      return this.#record(tx, await work(tx));
    });
  }

  async begin<T>(work: (tx: Transaction) => Promise<{ about: Done; value: T; complete?: boolean }>): Promise<T> {
    const value = await this.#ctx.app.db.write(this.#ctx.scope, async (tx) => {
      await this.#take(tx);
      const intent = await work(tx);
      await this.#update(tx, intent.complete ? 'SUCCEEDED' : 'IN_FLIGHT', intent.about, []);
      return intent.value;
    });
    this.claimed = true;
    return value;
  }

  finish(work: (tx: Transaction) => Promise<Done>): Promise<Done> {
    return this.#ctx.app.db.write(this.#ctx.scope, async (tx) => this.#record(tx, await work(tx)));
  }

  lose(work: (tx: Transaction) => Promise<string>): Promise<string> {
    return this.#ctx.app.db.write(this.#ctx.scope, async (tx) => {
      const inquiryId = await work(tx);
      await this.#update(tx, 'UNKNOWN', null, []);
      await tx.query(
        'update operations set inquiry_id = $3 where tenant_id = current_tenant() and actor = $1 and key = $2',
        [...this.#id(), inquiryId],
      );
      return inquiryId;
    });
  }

  /** The first caller's result, waited for until our own deadline. */
  async firstResult(): Promise<Done> {
    for (let waitMs = WAIT_STEP_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MAX_MS)) {
      const row = await this.#ctx.app.db.read(this.#ctx.scope, (tx) => tx.maybeOne<OperationRow>(SELECT, this.#id()));
      if (row) this.#compare(row);
      if (row?.status === 'SUCCEEDED') return { type: row.result_type!, id: row.result_id! };
      if (row?.status === 'UNKNOWN') {
        throw new AppError('OUTCOME_UNKNOWN', 'What became of this is being looked up. Ask operation(key) for it.');
      }
      const failure = row?.status === 'FAILED' ? row.user_errors[0] : undefined;
      if (failure)
        throw new AppError(failure.code, failure.message, {
          ...(failure.field && { field: failure.field }),
          ...(failure.details && { details: failure.details }),
        });
      if (this.#ctx.app.clock.now().getTime() + waitMs > this.#ctx.deadlineAtMs) {
        throw new AppError(
          'OPERATION_IN_FLIGHT',
          'The first request with this key is still being worked on. Please ask again shortly.',
        );
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** True where somebody else's request holds this key: it is under way or came to its end, and was not freed again. */
  async isAnothers(): Promise<boolean> {
    if (this.claimed) return false;
    const rows = await this.#ctx.app.db.read(this.#ctx.scope, (tx) =>
      tx.query(
        `${SELECT} and not (status = 'FAILED' and user_errors = '[]') and (status <> 'IN_FLIGHT' or lease_until > $3)`,
        [...this.#id(), this.#now()],
      ),
    );
    return rows.length > 0;
  }

  /** Keeps a lasting refusal, so that a repeat is told the same; a passing one frees the key again. Another's claim is left alone. */
  async recordFailure(error: unknown): Promise<void> {
    const lasting = error instanceof AppError && !PASSING.has(error.code);
    if (!lasting && !this.claimed) return;
    const errors = lasting ? [userErrorOf(error)] : [];
    await this.#ctx.app.db.write(this.#ctx.scope, async (tx) => {
      if (!this.claimed && !(await this.#claim(tx))) return;
      const row = await tx.one<OperationRow>(`${SELECT} for update`, this.#id());
      if (row.status === 'IN_FLIGHT') await this.#update(tx, 'FAILED', null, errors);
    });
  }

  async #take(tx: Transaction): Promise<void> {
    if (!(await this.#claim(tx))) throw new KeyTaken();
  }

  async #claim(tx: Transaction): Promise<boolean> {
    const taken = await tx.query(CLAIM, [
      ...this.#id(),
      this.#mutation,
      JSON.stringify(this.#fingerprint),
      this.#now(),
      this.#leaseEnd(),
    ]);
    return taken.length > 0;
  }

  async #record(tx: Transaction, done: Done): Promise<Done> {
    await this.#update(tx, 'SUCCEEDED', done, []);
    return done;
  }

  async #update(
    tx: Transaction,
    status: OperationRow['status'],
    about: Done | null,
    errors: readonly UserErrorShape[],
  ): Promise<void> {
    await tx.query(
      `update operations set status = $3::operation_status, result_type = coalesce($4, result_type), result_id = coalesce($5, result_id), user_errors = $6,
         finished_at = case when $3::operation_status = 'IN_FLIGHT' then null else $7::timestamptz end
       where tenant_id = current_tenant() and actor = $1 and key = $2`,
      [...this.#id(), status, about?.type ?? null, about?.id ?? null, JSON.stringify(errors), this.#now()],
    );
  }

  #compare(row: OperationRow): void {
    if (row.mutation !== this.#mutation) {
      throw new AppError('IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used for another mutation.', {
        field: ['input', 'idempotencyKey'],
        details: { mutation: row.mutation },
      });
    }
    const differing = firstDifferingField(row.fingerprint, this.#fingerprint);
    if (differing !== null) {
      throw new AppError('IDEMPOTENCY_INPUT_MISMATCH', `This idempotency key was used with another ${differing}.`, {
        field: ['input', differing],
        details: { differingField: differing },
      });
    }
  }

  #id(): [string, string] {
    return [this.#actor, this.#key];
  }

  #now(): Date {
    return this.#ctx.app.clock.now();
  }

  #leaseEnd(): Date {
    return new Date(this.#now().getTime() + LEASE_MS);
  }
}

const SELECT = `select mutation, fingerprint, status, result_type, result_id, user_errors from operations
  where tenant_id = current_tenant() and actor = $1 and key = $2`;
// A freed key (FAILED without an error) may be claimed again, and by the same request one whose first request died with its process.
const CLAIM = `insert into operations as o (tenant_id, actor, key, mutation, fingerprint, status, started_at, lease_until)
  values (current_tenant(), $1, $2, $3, $4, 'IN_FLIGHT', $5, $6)
  on conflict (tenant_id, actor, key) do update set status = 'IN_FLIGHT', mutation = excluded.mutation, fingerprint = excluded.fingerprint,
    started_at = excluded.started_at, lease_until = excluded.lease_until
    where (o.status = 'FAILED' and o.user_errors = '[]') or (o.status = 'IN_FLIGHT' and o.lease_until < excluded.started_at
      and o.mutation = excluded.mutation and o.fingerprint = excluded.fingerprint)
  returning key`;

export function userErrorOf(error: AppError): UserErrorShape {
  return { code: error.code, field: error.field, message: error.message, details: error.details };
}
