import pg from 'pg';

import { rowMaker, type FieldDescription, type MakeRow, type Values } from './rows.ts';

/** The driver's messages, and where they go. */
interface Messages {
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly unknown[]; valueMapper: (value: unknown) => unknown }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: object): void;
  sync(): void;
  _send(part: Buffer): boolean;
}

/** The part of the driver's connection that is used; its own types leave it out. */
interface Wire extends Messages {
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  readonly submittedNamedStatements: Record<string, string | undefined>;
}

/** Collects what the driver would send piece by piece: one piece costs a plain write, thirty of them a good deal more. */
class Collected implements Messages {
  readonly parts: Buffer[] = [];
  readonly parse: Messages['parse'];
  readonly bind: Messages['bind'];
  readonly describe: Messages['describe'];
  readonly execute: Messages['execute'];
  readonly sync: Messages['sync'];

  constructor({ parse, bind, describe, execute, sync }: Messages) {
    this.parse = parse;
    this.bind = bind;
    this.describe = describe;
    this.execute = execute;
    this.sync = sync;
  }

  _send(part: Buffer): boolean {
    this.parts.push(part);
    return true;
  }
}

/** What a statement gave: its rows, and what it says it did, such as COMMIT or INSERT 0 1. */
export interface Outcome {
  readonly rows: readonly unknown[];
  readonly tag: string;
}

interface Asked {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
  readonly rows: unknown[];
  tag: string;
  makeRow: MakeRow | undefined;
  fault: Error | null;
}

/** How each statement's rows are made, by its name; its columns are the same on every connection. */
const rowMakers = new Map<string, MakeRow>();
const NO_ROWS: MakeRow = () => ({});
/** The driver's own mapping of values to what goes over the wire. */
const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

/**
 * Named, prepared statements that are sent and answered together: what was asked in one turn of the event loop. To the driver it is one
 * query. Between its statements there is no synchronisation, which would cost the server and us a system call each, so when one fails,
 * those behind it are skipped; in a transaction they would fail anyway. Columns are described once per process and not with every
 * execution, and rows are made by code generated for them: a page of a shop's orders has thousands of fields.
 */
export class Batch extends pg.Query {
  readonly #asked: Asked[] = [];
  // The statement whose answer comes in.
  #at = 0;
  #settled = false;

  constructor() {
    super('batch');
  }

  /** All of it was answered, or failed. */
  get settled(): boolean {
    return this.#settled;
  }

  add(name: string, text: string, values: readonly unknown[]): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.#asked.push({
      name,
      text,
      values,
      resolve,
      reject,
      rows: [],
      tag: '',
      makeRow: rowMakers.get(name),
      fault: null,
    });
    return promise;
  }

  // The driver keeps account of parsed statements by the name and text of the query whose answer comes in.
  get name(): string {
    return this.#asked[this.#at]?.name ?? '';
  }

  set name(_value: string) {}

  get text(): string {
    return this.#asked[this.#at]?.text ?? '';
  }

  set text(_value: string) {}

  /** Called by the driver: its turn to be sent has come. */
  prepare(connection: Wire): void {
    const collected = new Collected(connection);
    for (const asked of this.#asked) {
      if (!write(asked, collected, connection)) break;
    }
    collected.sync();
    connection._send(Buffer.concat(collected.parts));
  }

  handleRowDescription({ fields }: { readonly fields: readonly FieldDescription[] }): void {
    const asked = this.#asked[this.#at]!;
    asked.makeRow = rowMaker(fields);
    rowMakers.set(asked.name, asked.makeRow);
  }

  handleDataRow({ fields }: { readonly fields: Values }): void {
    const asked = this.#asked[this.#at]!;
    if (asked.fault) return;
    try {
      asked.rows.push(asked.makeRow!(fields));
    } catch (error) {
      asked.fault = error as Error;
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const asked = this.#asked[this.#at]!;
    if (!asked.makeRow) rowMakers.set(asked.name, NO_ROWS);
    asked.tag = text;
    this.#at += 1;
  }

  handleReadyForQuery(): void {
    this.#settle(null);
  }

  handleError(error: Error, connection: Wire | undefined): void {
    // What was to be parsed behind the failure was not; the driver itself forgets the one that failed.
    for (const { name } of this.#asked.slice(this.#at))
      if (connection) delete connection.submittedNamedStatements[name];
    this.#settle(error);
  }

  #settle(error: Error | null): void {
    this.#settled = true;
    this.#asked.forEach((asked, index) => {
      const failure =
        asked.fault ??
        (index < this.#at
          ? null
          : index === this.#at && error
            ? error
            : skipped(error ?? this.#asked[this.#at]!.fault));
      if (failure) asked.reject(failure);
      else asked.resolve({ rows: asked.rows, tag: asked.tag });
    });
  }
}

/** @returns false where a value can't be written: nothing behind it is sent then, as if the statement had failed. */
function write(asked: Asked, messages: Messages, { parsedStatements, submittedNamedStatements }: Wire): boolean {
  const { name, text, values } = asked;
  try {
    if (parsedStatements[name] === undefined && submittedNamedStatements[name] === undefined) {
      messages.parse({ name, text });
      submittedNamedStatements[name] = text;
    }
    messages.bind({ statement: name, values, valueMapper: prepareValue });
  } catch (error) {
    asked.fault = error as Error;
    return false;
  }
  if (!asked.makeRow) messages.describe({ type: 'P', name: '' });
  messages.execute({});
  return true;
}

function skipped(cause: Error | null): Error {
  return new Error('Not run, because a statement sent before it in the same message failed.', { cause });
}
