import { z } from 'zod';
import { openAccountClock, type AccountClock } from '../simulator/account-clock.ts';
import { openAccounts } from '../simulator/accounts.ts';
import { isLoopback } from '../simulator/deliveries.ts';
import type { SimulatorWorld } from '../simulator/types.ts';

/** What the simulated Rapid keeps, and where its ids, prices and times come from. */

const secret = z.string().regex(/^[\x21-\x2b\x2d-\x7e]{4,100}$/, 'no blanks and no commas');
const milliseconds = z.int().min(0).max(86_400_000);
/** `unsure`: 202, and it takes effect after `unsureMs`; `lost`: 202, and it never does. */
const Certainty = z.enum(['done', 'unsure', 'lost']);

const AccountSettings = z.strictObject({
  apiKey: secret,
  sharedSecret: secret,
  /** Registered with the vendor, whatever stands in it. */
  notificationUrl: z.url().max(2_000).refine(isLoopback, 'notifications go to this machine only').optional(),
  /** Waits before the second and every further try; the schedule is not documented. */
  retryDelaysMs: z.array(milliseconds).max(12).default([60_000, 300_000]),
  /** What the key is enabled for. */
  products: z
    .array(z.enum(['geography', 'content', 'shopping', 'booking']))
    .default(['geography', 'content', 'shopping', 'booking']),
  /** Answers 426 as to plain http: the sandbox's own connections are never anything else. */
  demandsTls: z.boolean().default(false),
  /** How far the vendor's clock is ahead. */
  clockOffsetSeconds: z.int().min(-1_000_000).max(1_000_000).default(0),
  callsPerMinute: z.int().min(1).max(10_000_000).default(1_000_000),
  /** Of each kind of room in each property, every night. */
  roomsEach: z.int().min(0).max(1_000).default(5),
  /** Between search and price check. */
  priceChangePercent: z.int().min(-50).max(200).default(0),
  soldOutAt: z.enum(['never', 'check', 'book']).default('never'),
  /** The price changes between price check and booking. */
  mismatchAtBook: z.boolean().default(false),
  /** How long a new booking is not shown, and what is shown instead. */
  visibleAfterMs: milliseconds.default(0),
  hiddenAs: z.enum(['empty', 'stub']).default('empty'),
  resumes: Certainty.default('done'),
  cancels: Certainty.default('done'),
  unsureMs: milliseconds.default(2_000),
  /** How long a hold lasts is not documented. */
  holdMs: milliseconds.default(3_600_000),
  lapsedAs: z.enum(['canceled', 'gone']).default('canceled'),
  /** How long a property takes to confirm a booking: until then its rooms are pending. */
  confirmAfterMs: milliseconds.default(0),
  /** How long the link that books is good. */
  linkMs: milliseconds.default(900_000),
  /** `elsewhere` names another host, as whoever tampers with answers would. */
  links: z.enum(['relative', 'absolute', 'elsewhere']).default('relative'),
  numericIds: z.boolean().default(false),
  /** Who charges; rates of the property need a card. */
  chargedBy: z.enum(['expedia', 'property', 'both']).default('expedia'),
  /** Bills are in another currency than was asked for. */
  billableCurrency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .optional(),
});

export type Account = z.infer<typeof AccountSettings>;

/** What is shopped, checked and booked. */
export interface Stay {
  readonly property: string;
  readonly room: string;
  readonly rate: string;
  readonly bed: string;
  readonly checkin: string;
  readonly checkout: string;
  /** One for each room, as they were sent. */
  readonly occupancies: readonly string[];
  readonly currency: string;
  /** Of the usual price, percent. */
  readonly factor: number;
  /** On top at the property's desk for each room and night, US cents. */
  readonly chargeCents: number;
}

export interface BookedRoom {
  readonly id: string;
  readonly occupancy: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly specialRequest: string;
  readonly smoking: boolean;
  /** From when on it is cancelled; a cancellation that is unsure lies ahead. */
  readonly canceledAt: string | null;
}

export interface Booking {
  readonly account: string;
  readonly itineraryId: string;
  readonly reference: string | null;
  readonly email: string;
  readonly phone: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly visibleAt: string;
  /** Made by the stub switch: takes no room from anybody. */
  readonly isStub: boolean;
  readonly stay: Stay;
  readonly rooms: readonly BookedRoom[];
  readonly hold: { readonly until: string; readonly resumedAt: string | null } | null;
  /** When its property confirms it. */
  readonly confirmedAt: string;
}

export type RoomStatus = 'pending' | 'booked' | 'canceled';

/** The vendor's memory, over the simulator's store. */
export interface Ledger extends AccountClock {
  account(id: string): Account | undefined;
  accountByKey(apiKey: string): string | null;
  putAccount(id: string, settings: unknown): void;
  reset(id: string): void;
  booking(itineraryId: string): Booking | undefined;
  byReference(account: string, reference: string): Booking | undefined;
  save(booking: Booking): void;
  bookings(account: string | null): Booking[];
  /** A number in [0, 1) that depends on the account, its seed and the name only. */
  drawn(account: string, name: string): number;
}

const [BOOKINGS, REFERENCES] = ['bookings', 'references'] as const;

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const clock = openAccountClock(world, 'expedia');
  const accounts = openAccounts(store, AccountSettings, ({ apiKey }) => apiKey, 'Another account has this API key.');
  const ledger: Ledger = {
    ...clock,
    account: accounts.account,
    accountByKey: accounts.byKey,
    putAccount: accounts.putAccount,
    reset: (id) => {
      for (const booking of ledger.bookings(id)) {
        store.remove(BOOKINGS, booking.itineraryId);
        if (booking.reference !== null) store.remove(REFERENCES, `${id}/${booking.reference}`);
      }
      clock.forget(id);
    },
    booking: (itineraryId) => store.get<Booking>(BOOKINGS, itineraryId),
    byReference: (account, reference) => ledger.booking(store.get<string>(REFERENCES, `${account}/${reference}`) ?? ''),
    save: (booking) => {
      const { account, reference, itineraryId } = booking;
      store.put(BOOKINGS, itineraryId, booking);
      const place = `${account}/${reference ?? ''}`;
      if (reference !== null && store.get(REFERENCES, place) === undefined) store.put(REFERENCES, place, itineraryId);
    },
    bookings: (account) =>
      [...store.entries<Booking>(BOOKINGS)]
        .map(([, booking]) => booking)
        .filter((booking) => account === null || booking.account === account),
    drawn: (account, name) => Number.parseInt(clock.derive(account, name).slice(0, 8), 16) / 2 ** 32,
  };
  return ledger;
}

/** Held, and neither confirmed nor lapsed. */
export function isHeld({ hold }: Booking, at: Date): boolean {
  return hold !== null && !isOver(hold.resumedAt, at) && !isOver(hold.until, at);
}

export function hasLapsed({ hold }: Booking, at: Date): boolean {
  return hold !== null && !isOver(hold.resumedAt, at) && isOver(hold.until, at);
}

export function statusOf(booking: Booking, room: BookedRoom, at: Date): RoomStatus {
  if (isOver(room.canceledAt, at) || hasLapsed(booking, at)) return 'canceled';
  return isHeld(booking, at) || !isOver(booking.confirmedAt, at) ? 'pending' : 'booked';
}

export function isOver(time: string | null, at: Date): boolean {
  return time !== null && Date.parse(time) <= at.getTime();
}

/** As the vendor writes the ids of rooms and events. */
export function uuid(hex: string): string {
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join('-');
}

export function later(at: Date, ms: number): string {
  return new Date(at.getTime() + ms).toISOString();
}
