import type { App } from './context.ts';
import type { Scope, Transaction } from './db.ts';
import type { WebhookVerdict } from './generated/prisma/enums.ts';
import type { SnsEnvelope, SnsReading } from './integrations/ses/sns.ts';
import { applyMailNews, readMailNews } from './resolvers/mail-event.ts';
import { bodyContext } from './webhook-deliveries.ts';
import type { WebhookAnswer } from './webhooks.ts';

type Noticing = Pick<App, 'clock' | 'newId' | 'db' | 'log' | 'vault' | 'metrics' | 'mail'>;

const NOT_FOUND: WebhookAnswer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'No such webhook.' } } };
/** Feedback may overtake the answer to the mail it is about: so long it is told to come again. */
const OVERTAKING_MS_MAX = 300_000;
const SOURCE = 'ses';

/**
 * A message of SNS about mails (business-integrations.md 4.6). Nothing of it counts, and nothing is kept, before its topic is one of ours
 * and SNS' signature holds: the address it is posted to is no secret. @throws where it can't be stored, so that SNS comes again
 */
export async function receiveMailNotice(app: Noticing, slug: string | null, body: Uint8Array): Promise<WebhookAnswer> {
  const envelope = app.mail.sns.read(body);
  if (envelope === null) return refused(app, 'MALFORMED', 400, 'It is no message of SNS.');
  const owners = await app.db.lookUp<{ tenant_id: string }>('select tenant_id from find_mail_topic($1, $2)', [
    slug,
    envelope.TopicArn,
  ]);
  const owner = owners[0]?.tenant_id;
  if (owner === undefined) return NOT_FOUND;
  const reading = await app.mail.sns.verify(envelope);
  if (reading.verdict !== 'OK') return answerUnverified(app, reading);
  if (envelope.Type !== 'Notification') {
    if (envelope.Type === 'SubscriptionConfirmation' && !(await app.mail.sns.confirm(envelope)))
      return refused(app, 'MISMATCH', 400, 'The subscription can not be confirmed.');
    return accepted(app, 'ACCEPTED');
  }
  // A topic of several tenants: whose the mail is, is found among what each of them sent.
  return take(
    app,
    owners.map((one) => one.tenant_id),
    envelope,
    body,
  );
}

function answerUnverified(app: Noticing, reading: Exclude<SnsReading, { verdict: 'OK' }>): WebhookAnswer {
  app.log.warn({ verdict: reading.verdict, detail: reading.detail }, 'message of SNS refused');
  if (reading.verdict === 'UNAVAILABLE') return refused(app, 'UNCONFIRMED', 503, 'Please come again.');
  return refused(app, 'BAD_SIGNATURE', 401, 'This message was not accepted.');
}

async function take(
  app: Noticing,
  owners: readonly string[],
  envelope: SnsEnvelope,
  body: Uint8Array,
): Promise<WebhookAnswer> {
  const scope: Scope = { tenantId: owners[0]!, customerId: null };
  const dedupeKey = app.vault.fingerprint(`notice ${SOURCE} ${envelope.MessageId}`);
  const known = await app.db.read(scope, (tx) =>
    tx.query(
      `select 1 from webhook_deliveries where tenant_id = current_tenant() and source = $1 and dedupe_key = $2 and verdict = 'ACCEPTED' limit 1`,
      [SOURCE, dedupeKey],
    ),
  );
  if (known.length > 0) return accepted(app, 'ALREADY_PROCESSED');
  const news = readMailNews(envelope.Message);
  let verdict: WebhookVerdict = news === 'MALFORMED' ? 'MALFORMED' : 'ACCEPTED';
  let about: MailFound | null = null;
  if (news !== null && news !== 'MALFORMED') {
    about = await findMail(app, owners, news.reference);
    const isFresh = app.clock.now().getTime() - Date.parse(envelope.Timestamp) < OVERTAKING_MS_MAX;
    if (!about && isFresh) return refused(app, 'UNCONFIRMED', 503, 'Please come again.');
    if (about) await applyMailNews(app, { tenantId: about.tenant_id, customerId: null }, about.id, news);
    else verdict = 'MISMATCH';
  }
  await store(app, scope, { verdict, dedupeKey, about, body });
  return accepted(app, verdict);
}

interface MailFound {
  /** Its own tenant, which need not be the topic's. */
  readonly tenant_id: string;
  readonly id: string;
}

async function findMail(app: Noticing, owners: readonly string[], reference: string): Promise<MailFound | null> {
  for (const owner of owners) {
    const [mail] = await app.db.lookUp<MailFound>('select tenant_id, id from find_mail($1, $2)', [owner, reference]);
    if (mail) return mail;
  }
  return null;
}

async function store(
  app: Noticing,
  scope: Scope,
  of: { verdict: WebhookVerdict; dedupeKey: string; about: MailFound | null; body: Uint8Array },
): Promise<void> {
  const { about, body } = of;
  const id = app.newId();
  await app.db.write(scope, async (tx) => {
    // Its words name an address: they are not kept of somebody who was erased, by now or while this is written.
    const keeps = about === null || (await hasAddress(tx, about));
    await tx.query(
      `insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, headers, body_sealed, body_bytes, dedupe_key, about_id, processed_at)
       values (current_tenant(), $1, $2, $3, $4, '{}', $5, $6, $7, $8, $3)`,
      [
        id,
        SOURCE,
        app.clock.now(),
        of.verdict,
        keeps ? app.vault.seal(body, bodyContext(scope.tenantId, id)) : null,
        body.byteLength,
        of.dedupeKey,
        about?.id ?? null,
      ],
    );
  });
}

async function hasAddress(tx: Transaction, mail: MailFound): Promise<boolean> {
  const { known } = await tx.one<{ known: boolean }>('select mail_has_address($1, $2) as known', [
    mail.tenant_id,
    mail.id,
  ]);
  return known;
}

function accepted(app: Noticing, verdict: WebhookVerdict): WebhookAnswer {
  app.metrics.webhooks.inc({ gateway: SOURCE, verdict });
  return { status: 200, body: { status: 'ok', verdict } };
}

function refused(app: Noticing, verdict: WebhookVerdict, status: number, message: string): WebhookAnswer {
  app.metrics.webhooks.inc({ gateway: SOURCE, verdict });
  return { status, body: { status: 'refused', verdict, error: { code: verdict, message } } };
}
