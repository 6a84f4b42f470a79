import { AsyncLocalStorage } from 'node:async_hooks';

import pg from 'pg';

import { Lru } from './auth/lru.ts';
import { Connection, EndedSnapshots } from './db/connection.ts';
import { types } from './db/rows.ts';
import { OpenTransaction } from './db/transaction.ts';
import { AppError } from './errors.ts';

/** For whom a transaction works: row-level security shows it nothing else. */
export interface Scope {
  readonly tenantId: string;
  /** Set when the work is a customer's: the database then shows only what is theirs. */
  readonly customerId: string | null;
}

export type Row = Record<string, unknown>;

/** Where the tenant's and the platform's event streams stand in a transaction's snapshot. */
export interface StreamHead {
  readonly epoch: string;
  readonly position: bigint;
  readonly platformPosition: bigint;
}

/** Runs statements; the same for reading and writing transactions. Rows come with the column names the statement gives. */
export interface Statements {
  query<T = Row>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

export interface Transaction extends Statements {
  readonly scope: Scope;
  /** The one row, or undefined. */
  maybeOne<T = Row>(text: string, values?: readonly unknown[]): Promise<T | undefined>;
  /** The one row; throws where there is none: only for statements that must give one. */
  one<T = Row>(text: string, values?: readonly unknown[]): Promise<T>;
  /**
   * A write nobody reads anything from: it leaves in one message with the next statement, or with the commit, and in its place among
   * them. What it fails with, that statement or the transaction fails with.
   */
  later(text: string, values?: readonly unknown[]): void;
  /**
   * A row of such a write. Rows of one kind that leave together are one statement, in the place of the last of them.
   * @param into the statement up to its values, the same for all rows of the kind; the tenant comes first and is added
   */
  insertLater(into: string, values: readonly unknown[]): void;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  /** Longest wait for a connection before OVERLOADED. */
  readonly acquireTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly applicationName: string;
  /** Told of every statement but begin, set and commit. */
  readonly onStatement?: (text: string) => void;
  readonly onWait?: (milliseconds: number) => void;
  readonly nowMs: () => number;
}

const openTransaction = new AsyncLocalStorage<{ open: boolean }>();

/** Throws when called inside an open transaction: the outbound http module calls it before every request (invariant). */
export function assertNoOpenTransaction(): void {
  if (openTransaction.getStore()?.open)
    throw new Error('An outside call was made while a database transaction was open.');
}

/**
 * One plan per statement and connection. Left to itself the server plans each look-up by a list of ids anew with every execution, because
 * it guesses that lists are longer than ours, and planning costs several times what running does. Nothing here is worth compiling either.
 */
export const PLANNING = '-c plan_cache_mode=force_generic_plan -c jit=off';

const DEADLOCK_ATTEMPTS = 4;
/** How the database names what it refuses to write for somebody who was erased meanwhile, whoever writes it. */
const PERSON_ERASED = 'person_erased';

// Also of a statement that was skipped because of another's deadlock.
function isDeadlock(error: unknown): boolean {
  const code = pgCode(error) ?? pgCode((error as Error | null)?.cause);
  return code === '40P01' || code === '40001';
}

/** The SQLSTATE of a database error, or null. */
export function pgCode(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code ?? null) : null;
}

/** The constraint that refused, or null. Also where another statement of the same write was skipped because of it. */
export function pgConstraint(error: unknown): string | null {
  const cause = error instanceof pg.DatabaseError ? error : (error as Error | null)?.cause;
  return cause instanceof pg.DatabaseError ? (cause.constraint ?? null) : null;
}

const ENTER = 'select * from enter_tenant($1, $2)';
/** The same for work that nobody gets a cursor from: the streams need not be read. */
const ENTER_ONLY = "select set_config('app.tenant_id', $1, true), set_config('app.customer_id', $2, true)";
interface EnteredRow {
  epoch: string;
  position: bigint;
  platform_position: bigint;
}

/** A connection lent out: how to tell of a statement sent there, and how to give it back (again is harmless). */
export interface Loan {
  readonly client: pg.PoolClient;
  tellOf(text: string): void;
  giveBack(): void;
}

/** What a query reads through: one snapshot, opened when first needed; loaders queue on it. */
export interface Reader extends Statements {
  readonly scope: Scope;
  /** Where the streams stood in the first of its snapshots. Null until something was read. */
  readonly head: StreamHead | null;
  /** Ends the snapshot, runs work (an outside call), and lets later reads open a new one. */
  pauseFor<T>(work: () => Promise<T>): Promise<T>;
  /** The connection beneath, for Prisma to join the snapshot; the snapshot stays open until it is given back. */
  lend(): Promise<Loan>;
  /** Gives the connection back. The answer need not wait for it. */
  end(): void;
}

class SnapshotReader implements Reader {
  readonly scope: Scope;
  head: StreamHead | null = null;
  readonly #database: Database;
  #opening: Promise<Connection> | null = null;
  /** The connection while its snapshot is open; null from the moment that it is being ended. */
  #current: Connection | null = null;
  readonly #loans = new Set<Promise<void>>();
  #pause: Promise<unknown> | null = null;
  #ended = false;

  constructor(database: Database, scope: Scope) {
    this.#database = database;
    this.scope = scope;
  }

  async query<T = Row>(text: string, values?: readonly unknown[]): Promise<T[]> {
    for (;;) {
      const connection = await this.#connection();
      // Ended while we waited for it: a statement sent now would run behind the commit, for nobody's tenant or for another's.
      if (connection === this.#current) return connection.query<T>(text, values);
    }
  }

  async lend(): Promise<Loan> {
    for (;;) {
      const connection = await this.#connection();
      if (connection !== this.#current) continue;
      const loan = Promise.withResolvers<void>();
      this.#loans.add(loan.promise);
      connection.flush();
      return { client: connection.client, tellOf: (text) => connection.tellOf(text), giveBack: loan.resolve };
    }
  }

  async #connection(): Promise<Connection> {
    while (this.#pause) await this.#pause;
    if (this.#ended) throw new Error('A read after the end of its request.');
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<Connection> {
    const connection = await this.#database.acquire();
    this.#current = connection;
    const begun = connection.control('begin isolation level repeatable read read only');
    const entered = connection.send<EnteredRow>(ENTER, [this.scope.tenantId, this.scope.customerId]);
    // Not awaited here: the first statement travels in the same write. A failure shows in that statement, too.
    entered.then(
      ([row]) => {
        // What was read first is as old as the first snapshot, and a cursor must not lie behind anything of it that is missing.
        if (row) this.head ??= { epoch: row.epoch, position: row.position, platformPosition: row.platform_position };
      },
      () => undefined,
    );
    begun.catch(() => undefined);
    return connection;
  }

  async pauseFor<T>(work: () => Promise<T>): Promise<T> {
    while (this.#pause) await this.#pause;
    const running = (async () => {
      await this.#close('now');
      return work();
    })();
    this.#pause = running.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await running;
    } finally {
      this.#pause = null;
    }
  }

  end(): void {
    this.#ended = true;
    this.#close('soon').catch(() => undefined);
  }

  async #close(when: 'now' | 'soon'): Promise<void> {
    const opening = this.#opening;
    this.#opening = null;
    this.#current = null;
    if (!opening) return;
    const connection = await opening;
    this.#current = null;
    // Prisma sends a relation's statement after its parent's: none of them may come behind the commit.
    await Promise.all(this.#loans);
    this.#loans.clear();
    // One that is still at work is kept until it is done: the next to get it would wait behind a stranger's statement.
    if (when === 'soon' && connection.isQuiet) return this.#database.endSoon(connection);
    // Commits behind whatever is still queued; a failed transaction is ended by it just as well.
    await connection.control('commit').then(
      () => connection.client.release(),
      (error: unknown) => connection.client.release(error as Error),
    );
  }
}

const LOOKED_UP_MAX = 10_000;
const ROLLED_BACK = 'The transaction had failed and was rolled back.';

/** PostgreSQL through one pool. Every piece of work has a Scope; there is no way to a tenant's rows without one. */
export class Database {
  readonly #pool: pg.Pool;
  readonly #options: DatabaseOptions;
  readonly #ended = new EndedSnapshots();
  readonly #lookedUp = new Lru<string, unknown>(LOOKED_UP_MAX);

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.poolSize,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: options.acquireTimeoutMs,
      application_name: options.applicationName,
      options: `${PLANNING} -c statement_timeout=${options.statementTimeoutMs} -c idle_in_transaction_session_timeout=30000 -c lock_timeout=${options.statementTimeoutMs} -c timezone=UTC`,
      pipeline: true,
      types,
    } as pg.PoolConfig);
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
    // One that breaks while it is lent out and asks nothing would do the same; whoever has it finds out at the next statement.
    this.#pool.on('connect', (client) => void client.on('error', () => undefined));
  }

  get counts(): { total: number; idle: number; waiting: number } {
    return { total: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  async acquire(): Promise<Connection> {
    const since = this.#options.nowMs();
    try {
      const client = await this.#pool.connect();
      const connection = new Connection(client, this.#options.onStatement);
      this.#ended.endOn(connection);
      return connection;
    } catch (error) {
      throw new AppError('OVERLOADED', 'The service is busy. Please try again shortly.', {
        log: `No database connection: ${(error as Error).message}`,
        cause: error,
      });
    } finally {
      this.#options.onWait?.(this.#options.nowMs() - since);
    }
  }

  /** Gives back the connection of a snapshot that nobody reads any more. */
  endSoon(connection: Connection): void {
    this.#ended.add(connection.client);
  }

  reader(scope: Scope): Reader {
    return new SnapshotReader(this, scope);
  }

  /** Runs work in one read-only snapshot. */
  read<T>(scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#run('read', scope, work);
  }

  /**
   * Runs work in one READ COMMITTED transaction; rolls back when it throws. A deadlock's victim is run again, so work must do
   * nothing but database work and must be able to run twice.
   */
  write<T>(scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#again(() => this.#run('write', scope, work));
  }

  /**
   * One statement in a READ COMMITTED transaction of its own that is sent whole: begin, statement and commit in one round trip.
   * @returns its rows, once they are committed
   */
  writeOnce<T = Row>(scope: Scope, text: string, values: readonly unknown[]): Promise<T[]> {
    return this.#again(() => this.#sendWhole<T>(scope, text, values));
  }

  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (pgConstraint(error) === PERSON_ERASED)
          throw new AppError('NOT_FOUND', 'This person was erased.', { cause: error });
        if (attempt >= DEADLOCK_ATTEMPTS || !isDeadlock(error)) throw error;
      }
    }
  }

  async #sendWhole<T>(scope: Scope, text: string, values: readonly unknown[]): Promise<T[]> {
    const connection = await this.acquire();
    try {
      const begun = connection.control('begin');
      const entered = connection.send(ENTER_ONLY, [scope.tenantId, scope.customerId ?? '']);
      const asked = connection.query<T>(text, values);
      const ended = connection.control('commit');
      for (const other of [begun, entered, ended]) other.catch(() => undefined);
      const rows = await asked;
      if ((await ended) !== 'COMMIT') throw new Error(ROLLED_BACK);
      connection.client.release();
      return rows;
    } catch (error) {
      await connection.rollBack();
      throw error;
    }
  }

  async #run<T>(how: 'read' | 'write', scope: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const connection = await this.acquire();
    const mark = { open: true };
    try {
      const begun = connection.control(how === 'read' ? 'begin isolation level repeatable read read only' : 'begin');
      const entered = connection.send(ENTER_ONLY, [scope.tenantId, scope.customerId ?? '']);
      // Not awaited here: the first statement travels in the same write, and fails with them.
      for (const first of [begun, entered]) first.catch(() => undefined);
      const tx = new OpenTransaction(scope, connection);
      const result = await openTransaction.run(mark, () => work(tx));
      if (how === 'read') {
        if (tx.waits) throw new Error('A write in a transaction that reads.');
        this.endSoon(connection);
        return result;
      }
      const ended = await tx.commit();
      // A swallowed error leaves the transaction failed: its COMMIT then rolls back, and nobody may believe otherwise.
      if (ended !== 'COMMIT') throw new Error(ROLLED_BACK);
      connection.client.release();
      return result;
    } catch (error) {
      await connection.rollBack();
      throw error;
    } finally {
      mark.open = false;
    }
  }

  /** One statement outside any tenant: only for the closed list of look-up functions. */
  async lookUp<T = Row>(text: string, values: readonly unknown[]): Promise<T[]> {
    const connection = await this.acquire();
    try {
      const rows = await connection.query<T>(text, values);
      connection.client.release();
      return rows;
    } catch (error) {
      connection.client.release(error as Error);
      throw error;
    }
  }

  /** The same, for what never changes once it is there, such as whose a slug is: asked once by each process. */
  async lookUpOnce<T = Row>(
    text: string,
    values: readonly unknown[],
    isThere: (row: T) => boolean,
  ): Promise<T | undefined> {
    const key = JSON.stringify([text, values]);
    const known = this.#lookedUp.get(key);
    if (known !== undefined) return known as T;
    const [row] = await this.lookUp<T>(text, values);
    if (row !== undefined && isThere(row)) this.#lookedUp.set(key, row);
    return row;
  }

  async close(): Promise<void> {
    this.#ended.clear();
    await this.#pool.end();
  }
}
