import { columns } from '../columns.ts';
import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { mailWaitMs } from '../domain/mail.ts';
import { AppError } from '../errors.ts';
import type { MailMessageModel } from '../generated/prisma/models.ts';
import type { Outcome } from '../integrations/contract.ts';
import { mailDomainOf, type AcceptedMail, type MailToSend } from '../integrations/mail.ts';
import { writeMail, type Writing } from './mail-content.ts';
import { isMarketingPaused, PAUSED, PAUSED_LOOK_MS, PAUSED_WAIT_MS_MAX } from './marketing-pause.ts';
import { senderFor, type ReadySender } from './mail-sender-load.ts';

type Sending = Writing & Pick<App, 'db' | 'mail' | 'log'>;

const MAIL_COLUMNS = columns('MailMessage', 'm');
const SEND_MS_MAX = 20_000;
/** Whoever died while sending is followed after this long. */
const LEASE_MS = 120_000;

/**
 * Sends one mail of the outbox, at least once: what may have been accepted is sent again under the same Message-ID. Safe to run twice;
 * the row's time is the lease.
 */
export async function sendMail(app: Sending, scope: Scope, id: string): Promise<void> {
  const sender = await loadedSender(app, scope);
  const claimed = await app.db.write(scope, (tx) => claim(app, tx, id, sender));
  if (claimed === null || sender === null || sender === 'BROKEN') return;
  const { mail, toSend } = claimed;
  const transport = app.mail.transport(sender.row.transport);
  const outcome = await transport.send(sender.connection, toSend, { timeoutMs: SEND_MS_MAX });
  if (outcome.kind !== 'done')
    app.log.warn({ tenant: scope.tenantId, mail: id, outcome: outcome.kind, detail: outcome.detail }, 'mail not sent');
  await app.db.write(scope, (tx) => record(app, tx, mail, outcome));
}

async function loadedSender(app: Sending, scope: Scope): Promise<ReadySender | 'BROKEN' | null> {
  const shop = await app.db.read(scope, (tx) =>
    tx.one<{ name: string }>('select name from tenants where id = current_tenant()'),
  );
  try {
    return await senderFor(app, scope.tenantId, shop.name);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    app.log.error({ tenant: scope.tenantId, err: error }, 'a mail sender cannot be used');
    return 'BROKEN';
  }
}

/** Takes the mail for a while and writes it. @returns null where there is nothing to send now */
async function claim(
  app: Sending,
  tx: Transaction,
  id: string,
  sender: ReadySender | 'BROKEN' | null,
): Promise<{ mail: MailMessageModel; toSend: MailToSend } | null> {
  const now = app.clock.now();
  const mail = await tx.maybeOne<MailMessageModel>(
    `update mail_messages m set attempts = attempts + 1, next_attempt_at = $2
     where m.tenant_id = current_tenant() and m.id = $1 and m.next_attempt_at <= $3 returning ${MAIL_COLUMNS}`,
    [id, new Date(now.getTime() + LEASE_MS), now],
  );
  if (!mail) return null;
  if (mail.stream === 'MARKETING' && (await isMarketingPaused(tx))) {
    await hold(app, tx, mail);
    return null;
  }
  const refuse = async (reason: string): Promise<null> => {
    await end(app, tx, mail, 'NOT_SENT', reason);
    return null;
  };
  if (sender === 'BROKEN') {
    await again(app, tx, mail, 'SENDER_BROKEN');
    return null;
  }
  if (sender === null) return refuse('NO_SENDER');
  const written = await writeMail(app, tx, mail);
  if (typeof written === 'string') return refuse(written);
  const { content, shop } = written;
  await tx.query(
    `update mail_messages set address_hash = $2, transport = $3, sent_by = $4 where tenant_id = current_tenant() and id = $1`,
    [id, content.addressHash, sender.row.transport, sender.row.tenantId],
  );
  return {
    mail,
    toSend: {
      ...content,
      messageId: `${id}@${mailDomainOf(sender.from.address)}`,
      date: mail.createdAt,
      from: sender.from,
      replyTo: sender.replyTo,
      stream: mail.stream,
      tenant: shop.slug,
    },
  };
}

async function record(
  app: Sending,
  tx: Transaction,
  mail: MailMessageModel,
  outcome: Outcome<AcceptedMail>,
): Promise<void> {
  if (outcome.kind === 'done') {
    // Whoever took over meanwhile sent it, too: the first answer names it.
    await tx.query(
      `update mail_messages set state = 'ACCEPTED', reason = null, reference = $2, accepted_at = $3, next_attempt_at = null, to_address = null
       where tenant_id = current_tenant() and id = $1 and next_attempt_at is not null`,
      [mail.id, outcome.value.reference, app.clock.now()],
    );
    return;
  }
  if (outcome.kind === 'notDone' && outcome.reason === 'rejected') await end(app, tx, mail, 'REJECTED', 'REFUSED');
  else await again(app, tx, mail, outcome.kind === 'unknown' ? 'UNKNOWN' : outcome.reason.toUpperCase());
}

/** Waits until its stream is resumed, which is no attempt; in the end nobody is waited for any more. */
async function hold(app: Sending, tx: Transaction, mail: MailMessageModel): Promise<void> {
  const now = app.clock.now();
  if (now.getTime() - mail.createdAt.getTime() > PAUSED_WAIT_MS_MAX) return end(app, tx, mail, 'NOT_SENT', PAUSED);
  await tx.query(
    `update mail_messages set attempts = attempts - 1, next_attempt_at = $2, reason = $3 where tenant_id = current_tenant() and id = $1`,
    [mail.id, new Date(now.getTime() + PAUSED_LOOK_MS), PAUSED],
  );
}

/** Waits longer each time; in the end nobody is waited for any more. */
async function again(app: Sending, tx: Transaction, mail: MailMessageModel, reason: string): Promise<void> {
  const waitMs = mailWaitMs(mail.attempts);
  if (waitMs === null) return end(app, tx, mail, 'NOT_SENT', `GAVE_UP ${reason}`);
  await tx.query(
    `update mail_messages set next_attempt_at = $3, reason = $4
     where tenant_id = current_tenant() and id = $1 and attempts = $2 and next_attempt_at is not null`,
    [mail.id, mail.attempts, new Date(app.clock.now().getTime() + waitMs), reason],
  );
}

async function end(
  app: Sending,
  tx: Transaction,
  mail: MailMessageModel,
  state: 'NOT_SENT' | 'REJECTED',
  reason: string,
): Promise<void> {
  await tx.query(
    `update mail_messages set state = $3::mail_state, reason = $4, settled_at = $5, next_attempt_at = null, to_address = null
     where tenant_id = current_tenant() and id = $1 and attempts = $2 and next_attempt_at is not null`,
    [mail.id, mail.attempts, state, reason, app.clock.now()],
  );
}
