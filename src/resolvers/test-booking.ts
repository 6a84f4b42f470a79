import { appendAudit } from '../audit.ts';
import { normalEmail } from '../auth/people.ts';
import type { Statements, Transaction } from '../db.ts';
import { bookableDays, offered, type Asking } from '../domain/diary.ts';
import type { TenantFile } from '../domain/tenant-file.ts';
import type { Logger } from '../log.ts';
import { writeAppointment } from './appointment.ts';
import { findPlace } from './appointment-place.ts';
import type { Author } from './configuration.ts';
import { readDiary } from './diary-read.ts';

type TestBooking = NonNullable<TenantFile['testBooking']>;

/** What is to be done about a file's test booking: nothing where it is there; or why it can't be made. */
export type TestBookingPlan =
  | { readonly kind: 'there' }
  /** Forbidden: also when the rest of the file is applied. */
  | { readonly kind: 'notNow' | 'forbidden'; readonly reason: string }
  | { readonly kind: 'wanted'; readonly customerId: string; readonly productId: string };

interface Found {
  readonly live: boolean;
  readonly customerId: string | null;
  readonly productId: string | null;
  readonly isOpen: boolean;
}

/**
 * Looks without writing. It is there as long as the test customer has any appointment that nobody has ended: so it is made once, however
 * often a file is applied, and again only after it was cancelled, done with, or over unpaid (TEN-11).
 */
export async function planTestBooking(tx: Statements, { customer, service }: TestBooking): Promise<TestBookingPlan> {
  const [found] = await tx.query<Found>(
    `select exists (select from api_keys k where k.tenant_id = current_tenant() and k.mode = 'LIVE' and k.revoked_at is null) as live, u.id as "customerId",
       (select p.id from products p where p.tenant_id = current_tenant() and p.code = $2 and p.active and p.bookable) as "productId",
       exists (select from bookings b where b.tenant_id = current_tenant() and b.customer_id = u.id and b.kind = 'APPOINTMENT'
         and b.status in ('PENDING', 'CONFIRMED')) as "isOpen"
     from (select 1) one left join users u on u.tenant_id = current_tenant() and u.email = $1 and u.role = 'CUSTOMER' and u.active`,
    [normalEmail(customer), service],
  );
  const { live, customerId, productId, isOpen } = found!;
  if (live) return { kind: 'forbidden', reason: 'This tenant has live keys: no time is taken from its customers.' };
  if (isOpen) return { kind: 'there' };
  if (productId === null) return { kind: 'notNow', reason: `Nothing with the code ${service} is booked by time.` };
  if (customerId === null)
    return { kind: 'notNow', reason: `${customer} is not there: set the variable of their password.` };
  return { kind: 'wanted', customerId, productId };
}

/** As far as a diary is read at once; whoever offers nothing for two months offers nothing to try. */
const DAYS_MAX = 62;

/**
 * Books the next free time that customers are offered, for the test customer. Its order waits to be paid until that time begins, however
 * short the tenant's holds are, so that it is still there when somebody tries it; then it ends like any other that nobody paid. @returns when it begins, or null where nothing is free @throws OUT_OF_STOCK, TIME_TAKEN
 */
export async function makeTestBooking(
  { author, log }: { readonly author: Author; readonly log: Logger },
  tx: Transaction,
  { customerId, productId }: { readonly customerId: string; readonly productId: string },
): Promise<Date | null> {
  const app = { clock: author.clock, newId: author.newId, log };
  const asking: Asking = { booker: 'CUSTOMER', nowMs: app.clock.now().getTime() };
  const about = { productId, field: ['testBooking', 'service'] };
  const { offsets, rules } = await readDiary(tx, asking, { ...about, window: { startMs: asking.nowMs } });
  const days = bookableDays({ offsets, rules }, asking);
  const until = new Date(Date.parse(days[0]) + DAYS_MAX * 86_400_000).toISOString().slice(0, 10);
  const [from, to] = [days[0], until < days[1] ? until : days[1]];
  const [time] = offered(await readDiary(tx, asking, { ...about, window: { from, to } }), asking, from, to);
  if (!time) return null;
  const diary = await readDiary(tx, asking, { ...about, window: { startMs: time.fromMs } });
  const place = await findPlace(app, tx, diary, { asking, startMs: time.fromMs, except: null });
  const start = new Date(time.fromMs);
  const appointment = { diary, place, customerId, notes: 'A test booking.', expiresAt: start };
  const id = await writeAppointment(app, tx, appointment);
  await appendAudit(tx, {
    id: author.newId(),
    actor: author.name,
    action: 'testBooking.create',
    target: `Booking:${id}`,
    before: null,
    after: { productId, customerId, start },
    occurredAt: app.clock.now(),
  });
  return start;
}
