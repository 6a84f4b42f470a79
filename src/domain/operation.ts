/** The pure part of idempotency (GQL-5, decisions.md "Operations"): the form of a key, which field differs. */
import { invalidInput } from '../errors.ts';

// No control, format, private or unassigned characters and no lone surrogates: a key must read the same in every log.
const OPERATION_KEY = /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u;

/** @throws AppError INVALID_INPUT unless the key is text of 1 to 200 printable characters. */
export function checkOperationKey(key: unknown): asserts key is string {
  if (typeof key === 'string' && OPERATION_KEY.test(key)) return;
  throw invalidInput('An idempotency key has 1 to 200 printable characters.', ['input', 'idempotencyKey']);
}

/**
 * Compares two inputs by the fingerprints of their top-level fields. A field left out and a field given differ.
 * @returns the alphabetically first field that differs, null if none does: the same question gets the same answer.
 */
export function firstDifferingField(
  stored: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
): string | null {
  const names = [...new Set([...Object.keys(stored), ...Object.keys(given)])].toSorted();
  return names.find((name) => valueOf(stored, name) !== valueOf(given, name)) ?? null;
}

// Own fields only, so that a field named like something every object inherits is compared like any other.
function valueOf(fingerprints: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(fingerprints, name) ? fingerprints[name] : undefined;
}
