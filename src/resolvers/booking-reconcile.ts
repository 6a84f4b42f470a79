import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { compare, PHASES_THERE, type Comparison } from '../domain/booking-reconcile.ts';
import type { BookingPhase, ProviderState } from '../domain/booking.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import { lookUpThere } from './booking-call.ts';
import { WHOLE_BOOKING } from './booking-change.ts';
import { ensureInquiry, LOOK_UP_AFTER_MS } from './inquiry-open.ts';

/** What asking providers about many bookings needs. */
export type Reconciling = Pick<App, 'clock' | 'newId' | 'db' | 'journal' | 'log' | 'providers'>;

/**
 * Besides what comparing gives: BUSY: somebody works at it right now. SILENT: the provider can't be asked about bookings. UNANSWERED: it
 * was asked, and did not say.
 */
export type Finding = Comparison | 'BUSY' | 'SILENT' | 'UNANSWERED';

export interface Reconciled {
  readonly finding: Finding;
  /** What the provider said; null where it said nothing. */
  readonly said: ProviderState | null;
  /** Why it said nothing. */
  readonly detail: string | null;
  /** When it wants to be asked again. */
  readonly retryAt: Date | null;
  /** That ends the difference. */
  readonly inquiryId: string | null;
}

const PAGE = 100;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/**
 * A tenant's bookings whose outcome is open, and those that should stand and are not over yet, page by page.
 * @param only slug: of one provider; null: of all. ended: also what failed or was cancelled here and would not be over yet
 */
export async function* bookingsToReconcile(
  { db, clock }: Reconciling,
  scope: Scope,
  { slug, ended }: { readonly slug: string | null; readonly ended: boolean },
): AsyncGenerator<readonly BookingModel[], void, void> {
  const text = `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.id > $1
      and (b.phase = any($2) or $5 and b.phase = 'ENDED' and b.status in ('CANCELLED', 'FAILED'))
      and (b.phase not in ('CONFIRMED', 'ENDED') or b.ends_at > $3) and b.attempt_reference is not null and ($4::text is null or b.provider_slug = $4)
    order by b.id limit ${PAGE}`;
  for (let last = FIRST_ID; ;) {
    const after = last;
    const page = await db.read(scope, (tx) =>
      tx.query<BookingModel>(text, [after, PHASES_THERE, clock.now(), slug, ended]),
    );
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    last = page.at(-1)!.id;
  }
}

/**
 * Asks the provider about a booking and holds what it says against what stands here. Nothing is changed by the answer itself: a
 * difference that can end by itself gets an inquiry, which asks once more and does what follows (BEY-3).
 * @param opens false: nothing is written at all
 */
export async function reconcileBooking(
  app: Reconciling,
  scope: Scope,
  booking: BookingModel,
  opens: boolean,
): Promise<Reconciled> {
  if (isBusy(app, booking)) return found('BUSY');
  if (booking.contact === null) return found('UNANSWERED', { detail: 'whom it was for is not known here any more' });
  const { said, visibleAfterMs, canBeAsked } = await lookUpThere(app, booking);
  if (said.kind !== 'done') {
    if (!canBeAsked) return found('SILENT');
    const retryAt = said.kind === 'notDone' ? (said.retryAt ?? null) : null;
    return found('UNANSWERED', { detail: said.detail, retryAt });
  }
  const { state } = said.value;
  const isVisible = app.clock.now().getTime() - booking.attemptedAt!.getTime() >= visibleAfterMs;
  const isWithPerson = booking.syncStatus === 'NEEDS_ATTENTION';
  const finding = compare(
    { phase: booking.phase as BookingPhase, status: booking.status, isWithPerson },
    state,
    isVisible,
  );
  if (finding === 'AGREES' || finding === 'TOO_EARLY') return found(finding, { said: state });
  return app.db.write(scope, async (tx) => {
    // What moved while the provider was asked was asked too early.
    if (await hasMoved(tx, booking)) return found('BUSY');
    const inquiryId = opens && finding === 'LOOK_UP' ? await inquire(app, tx, booking) : null;
    return found(finding, { said: state, inquiryId });
  });
}

function found(finding: Finding, more: Partial<Reconciled> = {}): Reconciled {
  return { finding, said: null, detail: null, retryAt: null, inquiryId: null, ...more };
}

function isBusy({ clock }: Reconciling, { leasedUntil }: BookingModel): boolean {
  return leasedUntil !== null && leasedUntil > clock.now();
}

async function hasMoved(tx: Transaction, { id, version }: BookingModel): Promise<boolean> {
  const now = await tx.one<{ version: number }>(
    'select version from bookings where tenant_id = current_tenant() and id = $1 for update',
    [id],
  );
  return now.version !== version;
}

/** One that is open already, and has hours to wait, looks at once. */
async function inquire(app: Reconciling, tx: Transaction, { id }: BookingModel): Promise<string> {
  const inquiryId = await ensureInquiry(app, tx, { aboutType: 'Booking', aboutId: id, reason: 'BOOKING_DIFFERS' });
  const soon = new Date(app.clock.now().getTime() + LOOK_UP_AFTER_MS[0]);
  await tx.query(
    `update inquiries set next_look_up_at = $2 where tenant_id = current_tenant() and id = $1 and next_look_up_at > $2`,
    [inquiryId, soon],
  );
  return inquiryId;
}
