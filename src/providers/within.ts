import type { Outcome } from '../integrations/contract.ts';
import { notDone } from '../integrations/outcome.ts';

/** An answer that somebody else asked for, waited for no longer than so many ms. */
export async function within<T>(answer: Promise<Outcome<T>>, ms: number): Promise<Outcome<T>> {
  const waited = Promise.withResolvers<Outcome<T>>();
  const timer = setTimeout(
    () => waited.resolve(notDone('unavailable', 'there was no answer in time')),
    Math.max(0, ms),
  );
  try {
    return await Promise.race([answer, waited.promise]);
  } finally {
    clearTimeout(timer);
  }
}
