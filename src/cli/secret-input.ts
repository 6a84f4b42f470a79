import { readFileSync } from 'node:fs';

import { UsageError, type Surroundings } from './command.ts';

/**
 * A secret from standard input, or from a file; never from an argument, which others on the machine could read.
 * @param what how it is asked for @throws UsageError where nothing came
 */
export function readSecret(what: string, file: string | undefined, around: Surroundings): string {
  const secret = (file ? readFileSync(file, 'utf8') : around.input(what)).replace(/\r?\n$/, '');
  if (secret === '') throw new UsageError(`No ${what.toLowerCase()} came by standard input.`);
  return secret;
}
