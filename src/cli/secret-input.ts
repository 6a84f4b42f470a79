import { readFileSync } from 'node:fs';
import process from 'node:process';

import { UsageError } from './command.ts';

/**
 * A secret from standard input, or from a file; never from an argument, which others on the machine could read.
 * @param what how it is asked for @throws UsageError where nothing came
 */
export function readSecret(what: string, file: string | undefined): string {
  if (!file && process.stdin.isTTY) process.stderr.write(`${what}, then Enter and Ctrl-D: `);
  const secret = readFileSync(file || 0, 'utf8').replace(/\r?\n$/, '');
  if (secret === '') throw new UsageError(`No ${what.toLowerCase()} came by standard input.`);
  return secret;
}
