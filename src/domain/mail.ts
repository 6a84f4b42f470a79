/** What becomes of a mail (business-integrations.md 4.5). */

export type MailKind = 'PASSWORD_RESET' | 'EMAIL_VERIFICATION' | 'NEWSLETTER_CONFIRMATION' | 'ORDER_PAID';
export type MailStream = 'TRANSACTIONAL' | 'MARKETING';
export type MailState = 'QUEUED' | 'ACCEPTED' | 'DELIVERED' | 'BOUNCED' | 'COMPLAINED' | 'REJECTED' | 'NOT_SENT';

export const STREAM_OF_KIND: Readonly<Record<MailKind, MailStream>> = {
  PASSWORD_RESET: 'TRANSACTIONAL',
  EMAIL_VERIFICATION: 'TRANSACTIONAL',
  NEWSLETTER_CONFIRMATION: 'MARKETING',
  ORDER_PAID: 'TRANSACTIONAL',
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WAITS_MS = [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 8 * HOUR_MS, 24 * HOUR_MS];

/** How long to wait after so many tries; null: no more. */
export function mailWaitMs(attempts: number): number | null {
  return WAITS_MS[attempts - 1] ?? null;
}

/** A link that is good for half an hour need not arrive tomorrow. */
export const LINK_MS_OF_KIND: Readonly<Record<MailKind, number>> = {
  PASSWORD_RESET: 30 * MINUTE_MS,
  EMAIL_VERIFICATION: 72 * HOUR_MS,
  NEWSLETTER_CONFIRMATION: 7 * 24 * HOUR_MS,
  ORDER_PAID: 30 * 24 * HOUR_MS,
};

/** What a transport tells of a mail. */
export type MailEvent =
  | { readonly type: 'DELIVERY' | 'REJECT' }
  | { readonly type: 'BOUNCE'; readonly permanent: boolean; readonly code: string }
  | { readonly type: 'COMPLAINT'; readonly code: string };

export interface MailDecision {
  /** Null: as it was. */
  readonly state: MailState | null;
  readonly reason: string | null;
  /** Streams in which the address is not written to any more. */
  readonly suppress: readonly MailStream[];
}

/** Later words win over earlier ones, in whatever order they come: a bounce may follow a delivery. */
const RANK: Readonly<Record<MailState, number>> = {
  QUEUED: 0,
  NOT_SENT: 0,
  ACCEPTED: 1,
  DELIVERED: 2,
  REJECTED: 3,
  BOUNCED: 4,
  COMPLAINED: 5,
};
/** So many passing bounces within thirty days are no passing trouble. */
export const TRANSIENT_BOUNCES_MAX = 5;
export const TRANSIENT_BOUNCES_MS = 30 * 24 * HOUR_MS;
const BOTH: readonly MailStream[] = ['TRANSACTIONAL', 'MARKETING'];

/**
 * @param mail as it is; `transientBefore` are the address's other mails that bounced in passing of late
 */
export function decideMail(
  mail: { readonly state: MailState; readonly transientBefore: number },
  event: MailEvent,
): MailDecision {
  const [state, reason] = told(event);
  const moves = state !== null && RANK[state] > RANK[mail.state];
  return { state: moves ? state : null, reason: moves ? reason : null, suppress: suppressed(mail, event, moves) };
}

function told(event: MailEvent): [MailState | null, string | null] {
  switch (event.type) {
    case 'DELIVERY':
      return ['DELIVERED', null];
    case 'REJECT':
      return ['REJECTED', 'REJECT'];
    case 'BOUNCE':
      return ['BOUNCED', `${event.permanent ? 'PERMANENT' : 'TRANSIENT'} ${event.code}`];
    case 'COMPLAINT':
      return event.code === 'not-spam' ? [null, null] : ['COMPLAINED', event.code];
  }
}

/**
 * Who complains gets no marketing for ever, whatever was complained about; passwords and orders are still told of. An address that
 * takes nothing is sent nothing.
 */
function suppressed(
  mail: { readonly transientBefore: number },
  event: MailEvent,
  moves: boolean,
): readonly MailStream[] {
  if (event.type === 'COMPLAINT') return event.code === 'not-spam' ? [] : ['MARKETING'];
  if (event.type !== 'BOUNCE') return [];
  const isLasting = event.permanent || (moves && mail.transientBefore + 1 >= TRANSIENT_BOUNCES_MAX);
  return isLasting ? BOTH : [];
}
