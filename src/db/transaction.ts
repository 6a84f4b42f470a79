import type { Row, Scope, Transaction } from '../db.ts';
import type { Connection } from './connection.ts';

interface Waiting {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  /** How many rows the values are; null where it is no insertion of rows. */
  readonly rows: number | null;
}

/** Statements with more rows than this would each be prepared for once in a while. */
const ROWS_TOGETHER_MAX = 8;

/** A transaction while its work runs. */
export class OpenTransaction implements Transaction {
  readonly scope: Scope;
  readonly #connection: Connection;
  #waiting: Waiting[] = [];
  readonly #sent: Promise<unknown>[] = [];

  constructor(scope: Scope, connection: Connection) {
    this.scope = scope;
    this.#connection = connection;
  }

  query<T = Row>(text: string, values?: readonly unknown[]): Promise<T[]> {
    this.#send();
    return this.#connection.query<T>(text, values);
  }

  later(text: string, values?: readonly unknown[]): void {
    this.#waiting.push({ text, values, rows: null });
  }

  insertLater(into: string, values: readonly unknown[]): void {
    const at = this.#waiting.findLastIndex(({ text }) => text === into);
    const before = this.#waiting[at];
    if (before?.rows && before.rows < ROWS_TOGETHER_MAX) {
      this.#waiting.splice(at, 1);
      this.#waiting.push({ text: into, values: [...before.values!, ...values], rows: before.rows + 1 });
    } else {
      this.#waiting.push({ text: into, values, rows: 1 });
    }
  }

  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  /** Sends what waits and the commit behind it. @returns what the commit did @throws the first failure of what nobody waited for */
  async commit(): Promise<string> {
    this.#send();
    const committed = this.#connection.control('commit');
    // Its own failure would only say that it was skipped.
    committed.catch(() => undefined);
    await Promise.all(this.#sent);
    return committed;
  }

  #send(): void {
    for (const { text, values, rows } of this.#waiting.splice(0)) {
      const sent = this.#connection.query(rows === null ? text : withRows(text, rows, values!.length / rows), values);
      sent.catch(() => undefined);
      this.#sent.push(sent);
    }
  }

  async maybeOne<T = Row>(text: string, values?: readonly unknown[]): Promise<T | undefined> {
    const rows = await this.query<T>(text, values);
    if (rows.length > 1) throw new Error(`Expected one row at most: ${text}`);
    return rows[0];
  }

  async one<T = Row>(text: string, values?: readonly unknown[]): Promise<T> {
    const row = await this.maybeOne<T>(text, values);
    if (row === undefined) throw new Error(`Expected one row: ${text}`);
    return row;
  }
}

const withRowsKnown = new Map<string, string>();

function withRows(into: string, rows: number, columns: number): string {
  const name = `${rows} ${into}`;
  let text = withRowsKnown.get(name);
  if (text === undefined) {
    const row = (at: number) =>
      `(current_tenant(), ${Array.from({ length: columns }, (_, index) => `$${at * columns + index + 1}`).join(', ')})`;
    text = `${into} values ${Array.from({ length: rows }, (_, at) => row(at)).join(', ')}`;
    withRowsKnown.set(name, text);
  }
  return text;
}
