import pg from 'pg';

import { readInstant } from './instant.ts';

/** The part of the driver's connection that is used; its own types leave it out. */
interface Wire {
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  readonly submittedNamedStatements: Record<string, string | undefined>;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly unknown[]; valueMapper: (value: unknown) => unknown }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: object): void;
  sync(): void;
}

interface FieldDescription {
  readonly name: string;
  readonly dataTypeID: number;
}

type Values = readonly (string | null)[];
type MakeRow = (values: Values) => Record<string, unknown>;
type Settle = (error: Error | null, rows: unknown[]) => void;

// int8 as bigint, so that money is never a float; dates without a zone as text, because they name a day and not an instant.
export const types = new pg.TypeOverrides();
types.setTypeParser(20, BigInt);
types.setTypeParser(1082, (text: string) => text);
types.setTypeParser(1184, readInstant);

/** How each statement's rows are made, by its name; its columns are the same on every connection. */
const rowMakers = new Map<string, MakeRow>();
const NO_ROWS: MakeRow = () => ({});
/** The driver's own mapping of values to what goes over the wire. */
const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

/**
 * A named, prepared statement. Unlike the driver's own query it asks for the description of its columns once per process and not with
 * every execution, and makes rows by code generated for them: a page of a shop's orders has thousands of fields.
 */
export class PreparedQuery extends pg.Query {
  readonly #name: string;
  readonly #text: string;
  readonly #values: readonly unknown[];
  readonly #settle: Settle;
  readonly #rows: unknown[] = [];
  #makeRow: MakeRow | undefined;
  #fault: Error | null = null;

  constructor(name: string, text: string, values: readonly unknown[], settle: Settle) {
    super({ name, text });
    this.#name = name;
    this.#text = text;
    this.#values = values;
    this.#settle = settle;
    this.#makeRow = rowMakers.get(name);
  }

  /** Called by the driver: its turn to be sent has come. */
  prepare(connection: Wire): void {
    if (connection.parsedStatements[this.#name] === undefined && connection.submittedNamedStatements[this.#name] === undefined) {
      connection.parse({ name: this.#name, text: this.#text });
      connection.submittedNamedStatements[this.#name] = this.#text;
    }
    try {
      connection.bind({ statement: this.#name, values: this.#values, valueMapper: prepareValue });
    } catch (error) {
      // A value that can't be written; the answer still has to come from the server, so that the order of answers holds.
      this.#fault = error as Error;
      connection.sync();
      return;
    }
    if (!this.#makeRow) connection.describe({ type: 'P', name: '' });
    connection.execute({});
    connection.sync();
  }

  handleRowDescription({ fields }: { readonly fields: readonly FieldDescription[] }): void {
    this.#makeRow = rowMaker(fields);
    rowMakers.set(this.#name, this.#makeRow);
  }

  handleDataRow({ fields }: { readonly fields: Values }): void {
    if (this.#fault) return;
    try {
      this.#rows.push(this.#makeRow!(fields));
    } catch (error) {
      this.#fault = error as Error;
    }
  }

  handleCommandComplete(): void {
    if (!this.#makeRow) rowMakers.set(this.#name, NO_ROWS);
  }

  handleReadyForQuery(): void {
    this.#settle(this.#fault, this.#rows);
  }

  handleError(error: Error): void {
    this.#settle(this.#fault ?? error, []);
  }
}

/** What the driver does with text, and with every type it does not know. */
const asText = pg.types.getTypeParser(25, 'text');

/** Code for rows of these columns: an object literal is several times as fast as setting one property after the other. */
function rowMaker(fields: readonly FieldDescription[]): MakeRow {
  const parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text') as unknown as (text: string) => unknown);
  // Two columns of one name: the last counts, as with the driver.
  const places = new Map(fields.map(({ name }, index) => [name, index]));
  const properties = [...places].map(([name, index]) => {
    const value = `values[${index}]`;
    return `${JSON.stringify(name)}: ${parsers[index] === asText ? value : `${value} === null ? null : parsers[${index}](${value})`}`;
  });
  return (new Function('parsers', `return (values) => ({ ${properties.join(', ')} });`) as (parsers: unknown) => MakeRow)(parsers);
}
