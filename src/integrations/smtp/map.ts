import type { Credentials, Outcome } from '../contract.ts';
import { notDone, withoutSecrets } from '../outcome.ts';

/** What a mail server's refusal means: 4xx is tried again, 5xx is final (RFC 5321; business-integrations.md 4.3). */

interface Refusal {
  readonly responseCode?: number;
  readonly command?: string;
  readonly code?: string;
  readonly response?: string;
}

/** Before these were sent, the server can't have taken the mail. */
const TAKING = /^(DATA|BDAT|API)$/;

export function refusalOf(error: unknown, credentials: Credentials): Outcome<never> {
  if (!(error instanceof Error)) throw error;
  const { responseCode, command = 'CONN', code = '', response = '' } = error as Error & Refusal;
  // Only the server's own words: the library's message may hold addresses of ours.
  const detail = withoutSecrets(`${responseCode ?? code} ${response}`.trim(), credentials);
  if (responseCode === undefined) {
    if (code === 'EAUTH' || code === 'ETLS') return notDone('misconfigured', detail);
    return TAKING.test(command) ? { kind: 'unknown', detail } : notDone('unavailable', detail);
  }
  if (responseCode < 500) return notDone(responseCode === 454 ? 'rateLimited' : 'unavailable', detail);
  return notDone(
    code === 'EAUTH' || responseCode === 530 || responseCode === 535 ? 'misconfigured' : 'rejected',
    detail,
  );
}
