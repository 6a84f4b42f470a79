/** Whether a travel provider may be switched on (PRV-5): nobody's bookings go to one that was never heard to answer. */

export type Mode = 'SANDBOX' | 'PRODUCTION';
export type Versions = Readonly<Record<string, number>>;

/** The last connection test of a mode, as it is kept in `providers.tests`. */
export interface StoredTest {
  readonly ok: boolean;
  /** ISO 8601. */
  readonly at: string;
  readonly latencyMs: number;
  readonly reason: string | null;
  /** Of the credentials it was made with, by name. */
  readonly versions: Versions;
}

export interface SwitchFacts {
  readonly mode: Mode;
  /** Somebody answers for it that production works without a test. */
  readonly override: boolean;
  readonly requiredNames: readonly string[];
  /** The newest of each name, of this mode. */
  readonly versions: Versions;
  /** Of these: what does not open. */
  readonly unreadableNames: readonly string[];
  readonly test: StoredTest | null;
}

export interface SwitchRefusal {
  readonly code: 'CONNECTION_TEST_REQUIRED' | 'CREDENTIALS_MISSING' | 'DECRYPTION_FAILED';
  readonly message: string;
  /** The credentials at fault. */
  readonly names: readonly string[];
}

/** Null where it may be on in this mode. */
export function refusalToSwitchOn(facts: SwitchFacts): SwitchRefusal | null {
  return facts.mode === 'PRODUCTION' ? inProduction(facts) : inSandbox(facts);
}

function inSandbox({ mode, requiredNames, versions, unreadableNames }: SwitchFacts): SwitchRefusal | null {
  const missing = requiredNames.filter((name) => !(name in versions));
  if (missing.length > 0)
    return {
      code: 'CREDENTIALS_MISSING',
      message: `Set these credentials for ${mode} first: ${missing.join(', ')}.`,
      names: missing,
    };
  if (unreadableNames.length > 0)
    return {
      code: 'DECRYPTION_FAILED',
      message: `These credentials do not open: ${unreadableNames.join(', ')}. Enter them again, or name their master key in SECRET_KEYS_OLD.`,
      names: unreadableNames,
    };
  return null;
}

// A test that passed had every credential it needed.
function inProduction(facts: SwitchFacts): SwitchRefusal | null {
  const { override, test, versions, requiredNames } = facts;
  if (override || (test?.ok === true && isOfThese(test.versions, versions))) return null;
  return {
    code: 'CONNECTION_TEST_REQUIRED',
    message: `${reasonOf(test)} Test the connection first, or say override and answer for it.`,
    names: requiredNames.filter((name) => !(name in versions)),
  };
}

function reasonOf(test: StoredTest | null): string {
  if (!test) return 'The connection to production was never tested.';
  return test.ok
    ? 'The credentials for production were changed since the last connection test.'
    : `The last connection test of production failed: ${test.reason ?? 'no reason was given'}`;
}

function isOfThese(tested: Versions, stored: Versions): boolean {
  const names = new Set([...Object.keys(tested), ...Object.keys(stored)]);
  return [...names].every((name) => tested[name] === stored[name]);
}
