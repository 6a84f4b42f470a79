/**
 * When a tenant's marketing mail stops by itself (business-integrations.md 4.5): mail services look at these shares, and close the account
 * through which orders' mails go, too.
 */

/** What is judged: marketing mails that were accepted in this time, or since somebody resumed them. Complaints come within days. */
export const JUDGED_MS = 7 * 86_400_000;
/** With fewer mails a share says nothing: one wrong address of twenty is 5 %. */
export const JUDGED_MAILS_MIN = 100;
const BOUNCES_PER_10_000 = 400;
const COMPLAINTS_PER_10_000 = 8;
/** With fewer mails one complaint is more than the share; a single person then stops nobody's newsletter, two do. */
const ONE_COMPLAINT_MAILS_MIN = 10_000 / COMPLAINTS_PER_10_000;

export type PauseReason = 'BOUNCES' | 'COMPLAINTS';

export interface MarketingFigures {
  /** Accepted by the mail service. */
  readonly mails: number;
  /** Of these: bounced, for good or in passing. */
  readonly bounces: number;
  /** Of these: complained about. */
  readonly complaints: number;
}

/** @returns why to stop; null: go on */
export function decidePause({ mails, bounces, complaints }: MarketingFigures): PauseReason | null {
  if (mails < JUDGED_MAILS_MIN) return null;
  const counts = complaints >= 2 || mails >= ONE_COMPLAINT_MAILS_MIN;
  if (counts && complaints > 0 && complaints * 10_000 >= mails * COMPLAINTS_PER_10_000) return 'COMPLAINTS';
  return bounces * 10_000 >= mails * BOUNCES_PER_10_000 ? 'BOUNCES' : null;
}
