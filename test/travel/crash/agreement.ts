import { createHash } from 'node:crypto';

import { attemptReference } from '../../../src/domain/booking.ts';
import type { Simulators } from '../../helpers/simulators.ts';

type Query = <T = any>(text: string, values?: readonly unknown[]) => Promise<T[]>;

/** What a vendor has of us, whichever vendor. */
interface Theirs {
  readonly provider: string;
  readonly id: string;
  /** The name of an attempt of ours, where the vendor keeps it; else who booked. */
  readonly known: string;
  /** LIVE costs somebody money. HELD lapses by itself. */
  readonly state: 'LIVE' | 'HELD' | 'OVER';
  /** In its own words. */
  readonly said: string;
}

interface Ours {
  readonly id: string;
  readonly provider: string;
  readonly status: string;
  readonly phase: string;
  readonly sync: string;
  readonly attempt: number;
  readonly vendorId: string | null;
  readonly email: string;
  readonly order: string;
  readonly total: string;
  readonly captured: string;
  readonly refunded: string;
  readonly inquiries: readonly { readonly id: string; readonly reason: string; readonly resolution: string }[];
}

/** A difference that mends itself, or that a person has before them, and the inquiry that tells of it. */
export interface Listed {
  readonly what: string;
  readonly booking: string;
  readonly inquiry: string;
}

export interface Agreement {
  readonly bookings: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly differences: readonly string[];
  readonly lapsing: readonly Listed[];
  readonly withPerson: readonly Listed[];
  /** Paid and taken by a provider that tells its end by itself: what it says there. */
  readonly waiting: readonly string[];
}

/** Every booking of ours held against the vendors' own books, and against its money. */
export async function agreement(owner: Query, simulators: Simulators, account: string): Promise<Agreement> {
  const ours = await owner<Ours>(OURS);
  const theirs = await vendorsBooks(simulators, account);
  const byKnown = Map.groupBy(theirs, ({ provider, known }) => `${provider} ${known}`);
  const found: Found = { differences: [], lapsing: [], withPerson: [], waiting: [] };
  for (const booking of ours) {
    const own = namesOf(booking).flatMap((name) => take(byKnown, name));
    compare(booking, own, found);
    found.differences.push(...moneyFaults(booking).map((fault) => `${nameOf(booking)}: ${fault}`));
  }
  for (const entry of [...byKnown.values()].flat()) {
    if (entry.state !== 'OVER')
      found.differences.push(`${entry.provider} has ${entry.id} (${entry.known}), and we know nothing of it`);
  }
  return { bookings: ours.length, byStatus: countBy(ours), ...found };
}

const OURS = `select b.id, b.provider_slug as provider, b.status, b.phase, b.sync_status as sync, b.attempt, b.provider_reference as "vendorId",
    b.contact->>'email' as email, o.status as order, o.total_minor::text as total,
    coalesce((select sum(p.captured_minor) from payments p where p.order_id = o.id), 0)::text as captured,
    coalesce((select sum(r.amount_minor) from refunds r join payments p on p.id = r.payment_id where p.order_id = o.id and r.status = 'DONE'), 0)::text as refunded,
    coalesce((select jsonb_agg(jsonb_build_object('id', q.id, 'reason', q.reason, 'resolution', q.resolution)) from inquiries q
      where q.about_type = 'Booking' and q.about_id = b.id), '[]') as inquiries
  from bookings b join orders o on o.id = b.order_id`;

const contactOf = (email: string): string => createHash('sha256').update(email).digest('hex').slice(0, 16);
const nameOf = ({ id, provider, status, phase }: Ours): string => `${provider} ${id} (${status}, ${phase})`;

function namesOf({ id, provider, attempt, email }: Ours): string[] {
  if (provider === 'kiwi') return [`kiwi ${contactOf(email)}`];
  return Array.from({ length: attempt }, (_, index) => `${provider} ${attemptReference(id, index + 1)}`);
}

function take(entries: Map<string, Theirs[]>, name: string): Theirs[] {
  const found = entries.get(name) ?? [];
  entries.delete(name);
  return found;
}

interface Found {
  readonly differences: string[];
  readonly lapsing: Listed[];
  readonly withPerson: Listed[];
  readonly waiting: string[];
}

/** One booking there or none, as ours says; what is not known yet has its inquiry. */
function compare(booking: Ours, own: readonly Theirs[], found: Found): void {
  const live = own.filter(({ state }) => state === 'LIVE');
  const held = own.filter(({ state }) => state === 'HELD');
  const name = nameOf(booking);
  const [inquiry] = booking.inquiries;
  if (booking.phase === 'PENDING')
    found.waiting.push(`${name} ${booking.vendorId}: ${own.map(({ said }) => said).join()}`);
  // A wish to cancel that people at the vendor carry out is no open outcome: it stands until they say so.
  const isOpen = UNDER_WAY.has(booking.phase) || (booking.sync === 'NEEDS_ATTENTION' && !isWish(booking));
  if (isOpen) {
    if (inquiry) found.withPerson.push({ what: `${live.length} there`, booking: name, inquiry: told(inquiry) });
    else found.differences.push(`${name} is not known, and no inquiry tells of it`);
  }
  if (live.length > 1)
    found.differences.push(`${name}: ${live.length} bookings there: ${live.map(({ id }) => id).join()}`);
  const wanted = STANDS.has(booking.phase) && booking.status !== 'CANCELLED' ? 1 : 0;
  if (!isOpen && live.length !== wanted) found.differences.push(`${name}: ${live.length} there, ${wanted} by our book`);
  if (wanted === 1 && live[0] && live[0].id !== booking.vendorId)
    found.differences.push(`${name} is ${live[0].id} there, ${booking.vendorId} by our book`);
  for (const { id } of held) {
    if ((booking.phase === 'HELD' || isWish(booking)) && id === booking.vendorId) continue;
    if (inquiry) found.lapsing.push({ what: `hold ${id}`, booking: name, inquiry: told(inquiry) });
    else found.differences.push(`${name}: a hold ${id} is left there, and no inquiry tells of it`);
  }
}

/** The outcome of a call is open. */
const UNDER_WAY: ReadonlySet<string> = new Set(['RESERVING', 'BOOKING', 'CONFIRMING', 'CANCELLING', 'RELEASING']);
/** The provider has it, and it is to be paid. */
const STANDS: ReadonlySet<string> = new Set(['CONFIRMED', 'PENDING', 'CANCEL_REQUESTED']);

const isWish = ({ phase }: Ours): boolean => phase === 'CANCEL_REQUESTED';

const told = ({ id, reason, resolution }: Ours['inquiries'][number]): string => `${id} ${reason} ${resolution}`;

function moneyFaults({ status, phase, order, total, captured, refunded }: Ours): string[] {
  const kept = BigInt(captured) - BigInt(refunded);
  if (status === 'FAILED' && kept !== 0n) return [`failed, and ${kept} of its money is kept`];
  if (status === 'CONFIRMED' && phase === 'CONFIRMED' && kept !== BigInt(total))
    return [`confirmed for ${total}, paid ${kept}, order ${order}`];
  return [];
}

function countBy(ours: readonly Ours[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { provider, status, phase } of ours) {
    const key = `${provider} ${status} ${phase}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const READ = {
  expedia: ({ bookings }: any): Theirs[] =>
    bookings.map((one: any) => ({
      provider: 'expedia',
      id: one.itineraryId,
      known: one.reference ?? one.itineraryId,
      said: one.rooms.map((room: any) => room.status).join(),
      state: one.rooms.every((room: any) => room.status === 'canceled') ? 'OVER' : one.isHeld ? 'HELD' : 'LIVE',
    })),
  booking: ({ orders }: any): Theirs[] =>
    orders.map((one: any) => ({
      provider: 'booking',
      id: one.reservation,
      known: one.label ?? one.reservation,
      said: one.status,
      state: one.status === 'booked' ? 'LIVE' : 'OVER',
    })),
  kiwi: ({ bookings }: any): Theirs[] =>
    bookings.map((one: any) => ({
      provider: 'kiwi',
      id: String(one.bookingId),
      known: one.contact,
      said: one.state,
      state: one.state === 'saved' ? 'HELD' : one.isPaid && !KIWI_OVER.has(one.state) ? 'LIVE' : 'OVER',
    })),
} as const;
const KIWI_OVER: ReadonlySet<string> = new Set(['cancelled', 'sold_out', 'technical_issue', 'security_issue']);

async function vendorsBooks(simulators: Simulators, account: string): Promise<Theirs[]> {
  const all = await Promise.all(
    Object.entries(READ).map(async ([integration, read]) =>
      read((await simulators.wholeBook(integration, account)) as any),
    ),
  );
  return all.flat();
}
