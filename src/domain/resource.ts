/** Who or what a service is done by: staff, rooms, chairs (TEN-9). */
import { invalidInput } from '../errors.ts';

type Given<T> = T | null | undefined;

/** What is left out stays, or is the default of a new one. */
export interface ResourceFields {
  readonly code?: Given<string>;
  readonly name?: Given<string>;
  readonly capacity?: Given<number>;
  readonly active?: Given<boolean>;
}

export interface DiaryResource {
  readonly code: string;
  readonly name: string;
  /** How many appointments at once. */
  readonly capacity: number;
  /** Off: takes no new appointments. */
  readonly active: boolean;
}

/** Does the services that name nobody, by the capacity of the rules; it is the diary's own. */
export const DEFAULT_RESOURCE = 'default';

const NAME_MAX = 200;
const CAPACITY_MAX = 1_000;
const CODE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @param before null: a new one @throws AppError INVALID_INPUT with the field's path under `at` */
export function resourceOf(
  before: DiaryResource | null,
  fields: ResourceFields,
  at: readonly string[] = ['input'],
): DiaryResource {
  const code = fields.code ?? before?.code ?? '';
  const name = (fields.name ?? before?.name ?? '').trim();
  const capacity = fields.capacity ?? before?.capacity ?? 1;
  if (!CODE.test(code))
    throw invalidInput('A code has letters, digits, dots, hyphens and underscores, 64 at most.', [...at, 'code']);
  if (code === DEFAULT_RESOURCE)
    throw invalidInput('This code is the diary’s own: it does the services that name nobody.', [...at, 'code']);
  if (name === '' || name.length > NAME_MAX)
    throw invalidInput(`This needs from 1 to ${NAME_MAX} characters.`, [...at, 'name']);
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > CAPACITY_MAX)
    throw invalidInput(`This is a whole number from 1 to ${CAPACITY_MAX}.`, [...at, 'capacity']);
  return { code, name, capacity, active: fields.active ?? before?.active ?? true };
}
