import type { Row, Scope, Transaction } from '../db.ts';
import type { Connection } from './connection.ts';

/** A transaction while its work runs. */
export class OpenTransaction implements Transaction {
  readonly scope: Scope;
  readonly #connection: Connection;
  #waiting: { readonly text: string; readonly values: readonly unknown[] | undefined }[] = [];
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
    this.#waiting.push({ text, values });
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
    for (const { text, values } of this.#waiting.splice(0)) {
      const sent = this.#connection.query(text, values);
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
