import { z } from 'zod';
import type { App } from '../context.ts';
import type { Scope } from '../db.ts';
import { decideMail, TRANSIENT_BOUNCES_MS, type MailEvent, type MailState, type MailStream } from '../domain/mail.ts';
import { addressHash } from './mail-outbox.ts';
import { suppress } from './mail-suppression.ts';
import { judgeMarketing } from './marketing-pause.ts';

/** What SES tells of a mail, inside a message that is believed (business-integrations.md 4.5). Fields nobody knows are let be. */

const Recipient = z.object({ emailAddress: z.string().max(320) });
const Told = z.object({
  notificationType: z.string().optional(),
  eventType: z.string().optional(),
  mail: z.object({ messageId: z.string().min(1).max(200) }),
  bounce: z
    .object({
      bounceType: z.string().default('Undetermined'),
      bounceSubType: z.string().default('Undetermined'),
      bouncedRecipients: z.array(Recipient).default([]),
    })
    .optional(),
  complaint: z
    .object({ complaintFeedbackType: z.string().nullish(), complainedRecipients: z.array(Recipient).default([]) })
    .optional(),
});

export interface MailNews {
  /** The transport's id of the mail. */
  readonly reference: string;
  readonly event: MailEvent;
  /** Empty where the event names nobody: then it is about whom the mail went to. */
  readonly addresses: readonly string[];
}

/** @returns null where it tells nothing that changes a mail */
export function readMailNews(message: string): MailNews | 'MALFORMED' | null {
  const parsed = Told.safeParse(parseJson(message));
  if (!parsed.success) return 'MALFORMED';
  const { mail, bounce, complaint, eventType, notificationType } = parsed.data;
  const reference = mail.messageId;
  switch (eventType ?? notificationType) {
    case 'Delivery':
      return { reference, event: { type: 'DELIVERY' }, addresses: [] };
    case 'Reject':
      return { reference, event: { type: 'REJECT' }, addresses: [] };
    case 'Bounce':
      if (!bounce) return 'MALFORMED';
      return {
        reference,
        event: { type: 'BOUNCE', permanent: bounce.bounceType === 'Permanent', code: codeOf(bounce.bounceSubType) },
        addresses: bounce.bouncedRecipients.map(({ emailAddress }) => emailAddress),
      };
    case 'Complaint':
      return {
        reference,
        event: { type: 'COMPLAINT', code: codeOf(complaint?.complaintFeedbackType ?? 'other') },
        addresses: (complaint?.complainedRecipients ?? []).map(({ emailAddress }) => emailAddress),
      };
    default:
      return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A word of theirs, short and without anything that could be somebody's address. */
function codeOf(text: string): string {
  return text.replaceAll(/[^\w-]/g, '').slice(0, 40);
}

/** Writes down what became of a mail, and where nothing is sent any more. Twice is once; nothing where nobody knows whose it was. */
export async function applyMailNews(
  app: Pick<App, 'db' | 'vault' | 'clock' | 'newId' | 'log'>,
  scope: Scope,
  id: string,
  { event, addresses }: MailNews,
): Promise<void> {
  let paused = false;
  await app.db.write(scope, async (tx) => {
    const now = app.clock.now();
    const mail = await tx.maybeOne<{ state: MailState; stream: MailStream; addressHash: Buffer | null }>(
      `select state, stream, address_hash as "addressHash" from mail_messages where tenant_id = current_tenant() and id = $1 for update`,
      [id],
    );
    if (!mail || mail.addressHash === null) return;
    const hash = mail.addressHash;
    const { count } = await tx.one<{ count: bigint }>(
      `select count(*) as count from mail_messages where tenant_id = current_tenant() and address_hash = $1 and settled_at > $2
       and id <> $3 and state = 'BOUNCED' and reason like 'TRANSIENT%'`,
      [hash, new Date(now.getTime() - TRANSIENT_BOUNCES_MS), id],
    );
    const decision = decideMail({ ...mail, transientBefore: Number(count) }, event);
    if (decision.state !== null)
      await tx.query(
        `update mail_messages set state = $2::mail_state, reason = $3, settled_at = $4, next_attempt_at = null, to_address = null
         where tenant_id = current_tenant() and id = $1`,
        [id, decision.state, decision.reason, now],
      );
    // What the event calls the address counts only where it is the address we wrote to.
    const address = addresses.find((one) => addressHash(app, scope.tenantId, one).equals(hash)) ?? null;
    for (const stream of decision.suppress) await suppress(app, tx, { hash, stream, address, reason: event.type });
    if (mail.stream === 'MARKETING' && (decision.state === 'BOUNCED' || decision.state === 'COMPLAINED'))
      paused = await judgeMarketing(app, tx);
  });
  if (paused) app.log.warn({ tenant: scope.tenantId }, 'marketing mail stopped: too much of it came back');
}
