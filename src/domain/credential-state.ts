/** What becomes of a credential in time (PRV-3, PRV-4): how it does, and when it is to be rotated. */

/** A credential is to be rotated when it is this old. */
export const CREDENTIAL_DUE_DAYS = 90;
/** The version before serves this long after a rotation, where nobody says otherwise. */
export const GRACE_HOURS = 24;
/** A longer grace is no grace: the old value is what was to be got rid of. */
export const GRACE_HOURS_MAX = 720;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export type CredentialState = 'ACTIVE' | 'GRACE' | 'MISSING' | 'DECRYPTION_FAILED';

/** A version as it is kept. */
export interface StoredVersion {
  readonly name: string;
  readonly version: number;
  readonly lastFour: string | null;
  readonly createdAt: Date;
  readonly graceUntil: Date | null;
  /** What to do, where it does not open; null where it does. */
  readonly problem: string | null;
}

export interface ShownCredential extends Omit<StoredVersion, 'createdAt'> {
  readonly state: CredentialState;
  /** Null where there is no value. */
  readonly lastRotatedAt: Date | null;
  /** Of the newest version only. */
  readonly dueAt: Date | null;
}

export function dueAtOf(lastRotatedAt: Date): Date {
  return new Date(lastRotatedAt.getTime() + CREDENTIAL_DUE_DAYS * DAY_MS);
}

/** Whatever was made before this instant is due now, or will be within some days. */
export function dueBefore(now: Date, withinDays = 0): Date {
  return new Date(now.getTime() + (withinDays - CREDENTIAL_DUE_DAYS) * DAY_MS);
}

/** @param hours from 0: the version before ends at once */
export function graceEnd(now: Date, hours: number): Date {
  return new Date(now.getTime() + hours * HOUR_MS);
}

/**
 * The credentials of a provider as they are shown: the newest version of each name, behind it the ones that still have grace, and the
 * required names that have no value.
 * @param stored newest first within a name
 */
export function listCredentials(
  stored: readonly StoredVersion[],
  requiredNames: readonly string[],
  now: Date,
): ShownCredential[] {
  const byName = Map.groupBy(stored, ({ name }) => name);
  const missing = requiredNames.filter((name) => !byName.has(name)).map((name) => missingCredential(name));
  const shown = [...byName.values()].flatMap(([newest, ...older]) => [
    showNewest(newest!),
    ...older.filter(({ graceUntil }) => graceUntil !== null && graceUntil > now).map((version) => showOlder(version)),
  ]);
  return [...shown, ...missing].toSorted((a, b) => compareTexts(a.name, b.name) || b.version - a.version);
}

function showNewest({ createdAt, ...version }: StoredVersion): ShownCredential {
  const state = version.problem === null ? 'ACTIVE' : 'DECRYPTION_FAILED';
  return { ...version, state, graceUntil: null, lastRotatedAt: createdAt, dueAt: dueAtOf(createdAt) };
}

function showOlder({ createdAt, ...version }: StoredVersion): ShownCredential {
  const state = version.problem === null ? 'GRACE' : 'DECRYPTION_FAILED';
  return { ...version, state, lastRotatedAt: createdAt, dueAt: null };
}

function missingCredential(name: string): ShownCredential {
  return {
    name,
    version: 0,
    lastFour: null,
    state: 'MISSING',
    graceUntil: null,
    lastRotatedAt: null,
    dueAt: null,
    problem: null,
  };
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
