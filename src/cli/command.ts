import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { ParseArgsOptionsConfig } from 'node:util';

import type { ProviderDescription } from '../integrations/travel.ts';

/** A mistake of whoever typed: one line, no stack. */
export class UsageError extends Error {}

/** What a command may be given on the command line; secrets never are. */
export interface Given {
  /** The words behind the command. */
  readonly words: readonly string[];
  /** An option that was not given is not there. */
  text(option: string): string | null;
  flag(option: string): boolean;
  /** @throws UsageError for what is no whole number in the range */
  number(option: string, range: { readonly min: number; readonly max: number }): number | null;
}

/** What a command works with. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly descriptions: readonly ProviderDescription[];
  /** Writes a result, as fast as it is taken. */
  result(line: string): Promise<void>;
  /** Writes what is no result: progress, warnings. */
  progress(line: string): void;
  /** All that comes by standard input; whoever sits there is told what is wanted. */
  input(what: string): string;
  /** Called once by whoever wants it to end. @returns what calls it off */
  onEnd(end: () => void): () => void;
}

export interface Command {
  /** Such as `providers list`, or one word. */
  readonly name: string;
  /** What stands behind the name. */
  readonly usage: string;
  /** What it does, in lines of 110 characters at most. */
  readonly help: readonly string[];
  readonly options?: ParseArgsOptionsConfig;
  /** How many words it takes, from and to. */
  readonly words?: readonly [min: number, max: number];
  /** @returns false where the process is to end with 1: what was looked at is not as it should be */
  run(given: Given, around: Surroundings): Promise<boolean>;
}

export function givenOf(values: Readonly<Record<string, unknown>>, words: readonly string[]): Given {
  const text = (option: string) => (typeof values[option] === 'string' ? values[option] : null);
  return {
    words,
    text,
    flag: (option) => values[option] === true,
    number(option, { min, max }) {
      const written = text(option);
      if (written === null) return null;
      const value = /^\d{1,9}$/.test(written) ? Number(written) : Number.NaN;
      if (!(value >= min && value <= max)) throw new UsageError(`--${option} is a whole number from ${min} to ${max}.`);
      return value;
    },
  };
}

/** The standard streams of this process, and its signals. */
export const PROCESS: Pick<Surroundings, 'result' | 'progress' | 'input' | 'onEnd'> = {
  async result(line) {
    if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
  },
  progress: (line) => void process.stderr.write(`${line}\n`),
  input(what) {
    if (process.stdin.isTTY) process.stderr.write(`${what}, then Enter and Ctrl-D: `);
    return readFileSync(0, 'utf8');
  },
  onEnd(end) {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    for (const signal of signals) process.once(signal, end);
    return () => signals.forEach((signal) => process.off(signal, end));
  },
};

/** Lines of columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
