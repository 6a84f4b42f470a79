import { PLATFORM_TENANT_ID } from './auth/platform.ts';
import type { App } from './context.ts';
import type { Scope, Transaction } from './db.ts';
import type { WebhookVerdict } from './generated/prisma/enums.ts';
import type { IncomingWebhook } from './integrations/contract.ts';
import type { NoticeReading, ProviderNotice } from './integrations/travel.ts';
import { lockBooking } from './resolvers/booking-change.ts';
import { believeNotice } from './resolvers/booking-step.ts';
import { bodyContext, shownHeaders } from './webhook-deliveries.ts';
import type { WebhookAnswer } from './webhooks.ts';

export type Noticing = Pick<
  App,
  'clock' | 'newId' | 'db' | 'journal' | 'log' | 'gateways' | 'providers' | 'vault' | 'metrics' | 'jobs'
>;

const NOT_FOUND: WebhookAnswer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'No such webhook.' } } };
const REJECTED_KEPT_PER_MINUTE = 100;

/**
 * A provider's notification (PRV-17): stored, deduplicated, and taken as a reason to ask the provider about the booking.
 * Only of a provider that can't be asked its word counts, as far as its secret vouches for it.
 * @throws where it can't be stored, so that the provider comes again
 */
export async function receiveNotice(app: Noticing, slug: string, incoming: IncomingWebhook): Promise<WebhookAnswer> {
  const reading = await app.providers.readNotice(slug, incoming);
  if (reading === null) return NOT_FOUND;
  const verdict = reading.verdict === 'OK' ? await take(app, slug, incoming, reading.notice) : reading.verdict;
  if (reading.verdict !== 'OK') await refuse(app, slug, incoming, reading);
  app.metrics.webhooks.inc({ gateway: slug, verdict });
  app.journal.wake();
  if (verdict === 'BAD_SIGNATURE' || verdict === 'MALFORMED')
    return {
      status: verdict === 'BAD_SIGNATURE' ? 401 : 400,
      body: { status: 'refused', verdict, error: { code: verdict, message: 'This delivery was not accepted.' } },
    };
  return { status: 200, body: { status: 'ok', verdict } };
}

async function take(
  app: Noticing,
  slug: string,
  incoming: IncomingWebhook,
  notice: ProviderNotice,
): Promise<WebhookVerdict> {
  const about = await app.db.lookUp<{ tenant_id: string; id: string }>(
    'select tenant_id, id from find_booking($1, $2, $3)',
    [slug, notice.reference, notice.providerReference],
  );
  // Two bookings under one name are nobody's: a person has to look.
  const booking = about.length === 1 ? about[0]! : null;
  const scope: Scope = { tenantId: booking?.tenant_id ?? PLATFORM_TENANT_ID, customerId: null };
  const dedupeKey = app.vault.fingerprint(`notice ${slug} ${notice.eventId}`);
  return app.db.write(scope, async (tx) => {
    // The same one twice at once: the second waits here, and finds the first.
    if (booking) await lockBooking(tx, booking.id);
    const known = await tx.query(
      `select 1 from webhook_deliveries where tenant_id = current_tenant() and source = $1 and dedupe_key = $2 and verdict = 'ACCEPTED' limit 1`,
      [slug, dedupeKey],
    );
    const verdict = booking === null ? 'UNKNOWN_BOOKING' : known.length > 0 ? 'ALREADY_PROCESSED' : 'ACCEPTED';
    insert(app, tx, {
      slug,
      incoming,
      verdict,
      detail: notice.eventType.slice(0, 100),
      dedupeKey,
      bookingId: booking?.id ?? null,
    });
    if (verdict !== 'ACCEPTED' || booking === null) return verdict;
    if (!(await believeNotice(app, tx, booking.id, notice)))
      await app.jobs.send(tx, 'booking.lookUp', { tenantId: scope.tenantId, id: booking.id });
    return verdict;
  });
}

// A flood of rubbish is counted instead of kept, as with gateways.
async function refuse(
  app: Noticing,
  slug: string,
  incoming: IncomingWebhook,
  reading: Exclude<NoticeReading, { verdict: 'OK' }>,
): Promise<void> {
  app.log.warn({ provider: slug, verdict: reading.verdict, detail: reading.detail }, 'notification refused');
  await app.db.write({ tenantId: PLATFORM_TENANT_ID, customerId: null }, async (tx) => {
    const minute = new Date(Math.floor(app.clock.now().getTime() / 60_000) * 60_000);
    const { counted } = await tx.one<{ counted: number }>(
      `insert into webhook_rejections as r (tenant_id, minute, kept, counted) values (current_tenant(), $1, 1, 1)
       on conflict (tenant_id, minute) do update set kept = least(r.kept + 1, $2), counted = r.counted + 1 returning counted`,
      [minute, REJECTED_KEPT_PER_MINUTE],
    );
    if (counted <= REJECTED_KEPT_PER_MINUTE)
      insert(app, tx, {
        slug,
        incoming,
        verdict: reading.verdict,
        detail: reading.detail,
        dedupeKey: null,
        bookingId: null,
      });
  });
}

interface NewDelivery {
  readonly slug: string;
  readonly incoming: IncomingWebhook;
  readonly verdict: WebhookVerdict;
  readonly detail: string;
  readonly dedupeKey: string | null;
  /** Whose it is, so that erasure finds what it says of its guests. */
  readonly bookingId: string | null;
}

function insert(app: Noticing, tx: Transaction, of: NewDelivery): void {
  const { slug, incoming, verdict, detail, dedupeKey, bookingId } = of;
  const id = app.newId();
  const now = app.clock.now();
  tx.later(
    `insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, detail, headers, body_sealed, body_bytes, dedupe_key, about_id, processed_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $3)`,
    [
      id,
      slug,
      now,
      verdict,
      detail,
      JSON.stringify(shownHeaders(incoming.headers)),
      app.vault.seal(incoming.body, bodyContext(tx.scope.tenantId, id)),
      incoming.body.byteLength,
      dedupeKey,
      bookingId,
    ],
  );
}
