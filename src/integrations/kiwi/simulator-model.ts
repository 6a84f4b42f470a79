import { z } from 'zod';
import { openAccountClock, type AccountClock } from '../simulator/account-clock.ts';
import { openAccounts } from '../simulator/accounts.ts';
import { isLoopback } from '../simulator/deliveries.ts';
import { drawn } from '../simulator/scenario.ts';
import type { SimulatorWorld } from '../simulator/types.ts';

/** What the simulated Kiwi.com keeps, and where its ids, prices and times come from. */

const milliseconds = z.int().min(0).max(86_400_000);
const minutes = z.int().min(0).max(10_080);

/** Every five minutes for four hours. The vendor goes on until it is answered with 200. */
const RETRY_DELAYS_MS = Array.from({ length: 48 }, () => 300_000);

const AccountSettings = z.strictObject({
  apiKey: z.string().regex(/^[\x21-\x7e]{8,200}$/),
  /** Where webhooks go; the secret that speaks for them is a part of it. */
  webhookUrl: z.url().max(2_000).refine(isLoopback, 'webhooks go to this machine only').optional(),
  retryDelaysMs: z.array(milliseconds).max(50).default(RETRY_DELAYS_MS),
  /** Answers of check_flights before the flights are verified; null: one or two, by the seed. */
  polls: z.int().min(0).max(10_000).nullable().default(null),
  /** Seats of every flight; null: one to nine, by the seed. */
  seats: z.int().min(0).max(9).nullable().default(null),
  /** Search shows whole units, as the vendor's samples do. */
  wholeSearchPrices: z.boolean().default(false),
  /** Hundredths by which the price changes between search and check, and between check and save. */
  checkChange: z.int().min(-90).max(500).default(0),
  saveChange: z.int().min(-90).max(500).default(0),
  /** Where everything turns out to be sold. */
  soldOutAt: z.enum(['never', 'check', 'save']).default('never'),
  /** 0 none, 1 later, 2 when it is saved. */
  documentNeed: z.int().min(0).max(2).default(1),
  offerMinutes: minutes.default(30),
  holdMinutes: minutes.default(30),
  /** Euro, what the partner has left for confirm_payment. */
  depositEuro: z.int().min(0).max(1_000_000_000).default(1_000_000),
  /** What the carriers say in the end; `silent` never tells. */
  carriers: z
    .enum(['confirmed', 'sold_out', 'technical_issue', 'security_issue', 'cancelled', 'silent'])
    .default('confirmed'),
  carrierDelayMs: milliseconds.default(1_000),
  /** Facts the documents leave open. */
  confirmFailureStatus: z.int().min(200).max(499).default(200),
  expiredKey: z.enum(['error', 'msg']).default('error'),
  repeatedConfirm: z.enum(['paid', 'failed', 'refused']).default('paid'),
  /** Null: no limit. */
  callsPerMinute: z.int().min(1).max(1_000_000).nullable().default(null),
  /** Ends every token of a search, to play a part: `.invalid`, `.pricechange`, `.slow`, `.expired`. */
  tokenSuffix: z.enum(['', '.invalid', '.pricechange', '.slow', '.expired']).default(''),
});

export type Account = z.infer<typeof AccountSettings>;

/** One check of one offer, from its first call on. */
export interface Session {
  readonly id: string;
  readonly account: string;
  readonly token: string;
  readonly startedAt: string;
  readonly adults: number;
  readonly children: number;
  readonly infants: number;
  readonly polls: number;
  readonly pollsNeeded: number;
  /** Of all passengers: when it was found, and now. */
  readonly originalCents: number;
  readonly cents: number;
  readonly flights: readonly string[];
  readonly departure: string;
  readonly isSoldOut: boolean;
}

export interface Booking {
  readonly account: string;
  readonly id: number;
  readonly transactionId: string;
  readonly authToken: string;
  readonly cents: number;
  readonly sandbox: boolean;
  readonly flights: readonly string[];
  /** What a book may show of people: how many. */
  readonly passengers: number;
  readonly contactEmail: string;
  readonly savedAt: string;
  readonly paidAt: string | null;
  /** The trigger that says how it ended, and from when on. */
  readonly carriers: { readonly trigger: string; readonly at: string } | null;
}

export type BookingState = 'saved' | 'lapsed' | 'received' | (string & {});

/** The vendor's memory, over the simulator's store. */
export interface Ledger extends AccountClock {
  account(id: string): Account | undefined;
  accountByKey(apiKey: string): string | null;
  putAccount(id: string, settings: unknown): void;
  reset(id: string): void;
  /** In [0, 1), by the account, its seed and the name. */
  draw(account: string, name: string): number;
  session(account: string, id: string): Session | undefined;
  saveSession(session: Session): void;
  booking(id: number): Booking | undefined;
  saveBooking(booking: Booking): void;
  bookings(account: string | null): Booking[];
  state(booking: Booking): BookingState;
  /** Seats of a flight that nobody has. */
  seatsLeft(account: string, flight: string): number;
  /** False where the account has asked too often within this minute. */
  mayAsk(account: string): boolean;
  /** @returns false where the deposit is not enough */
  spend(account: string, cents: number): boolean;
}

const [SESSIONS, BOOKINGS, SEATS, MINUTES, SPENT] = ['sessions', 'bookings', 'seats', 'minutes', 'spent'] as const;

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const clock = openAccountClock(world, 'kiwi');
  const accounts = openAccounts(store, AccountSettings, ({ apiKey }) => apiKey, 'Another account has this key.');
  const seatsOf = (account: string, flight: string): number =>
    accounts.account(account)?.seats ?? 1 + Math.floor(ledger.draw(account, `seats:${flight}`) * 9);
  const ledger: Ledger = {
    ...clock,
    account: accounts.account,
    accountByKey: accounts.byKey,
    putAccount: accounts.putAccount,
    reset: (id) => {
      for (const [key] of [...store.entries(SESSIONS)]) if (key.startsWith(`${id}/`)) store.remove(SESSIONS, key);
      for (const [key] of [...store.entries(SEATS)]) if (key.startsWith(`${id}/`)) store.remove(SEATS, key);
      for (const booking of ledger.bookings(id)) store.remove(BOOKINGS, String(booking.id));
      for (const collection of [MINUTES, SPENT]) store.remove(collection, id);
      clock.forget(id);
    },
    draw: (account, name) => drawn(world.seedOf(account)?.seed ?? account, name),
    session: (account, id) => store.get<Session>(SESSIONS, `${account}/${id}`),
    saveSession: (session) => store.put(SESSIONS, `${session.account}/${session.id}`, session),
    booking: (id) => store.get<Booking>(BOOKINGS, String(id)),
    saveBooking: (booking) => {
      if (store.get(BOOKINGS, String(booking.id)) === undefined) {
        for (const flight of booking.flights) {
          const key = `${booking.account}/${flight}`;
          store.put(SEATS, key, [...(store.get<number[]>(SEATS, key) ?? []), booking.id]);
        }
      }
      store.put(BOOKINGS, String(booking.id), booking);
    },
    bookings: (account) =>
      [...store.entries<Booking>(BOOKINGS)]
        .map(([, booking]) => booking)
        .filter((one) => account === null || one.account === account),
    state: (booking) => {
      const now = clock.now(booking.account).toISOString();
      if (booking.carriers !== null && booking.carriers.at <= now) return booking.carriers.trigger;
      if (booking.paidAt !== null) return 'received';
      return isLapsed(ledger, booking) ? 'lapsed' : 'saved';
    },
    seatsLeft: (account, flight) => {
      const holders = (store.get<number[]>(SEATS, `${account}/${flight}`) ?? []).flatMap(
        (id) => ledger.booking(id) ?? [],
      );
      const taken = holders.filter((one) => ['saved', 'received', 'confirmed', 'bp_sent'].includes(ledger.state(one)));
      return seatsOf(account, flight) - taken.reduce((sum, one) => sum + one.passengers, 0);
    },
    mayAsk: (account) => {
      const limit = accounts.account(account)?.callsPerMinute ?? null;
      if (limit === null) return true;
      const minute = Math.floor(clock.now(account).getTime() / 60_000);
      const before = store.get<{ minute: number; calls: number }>(MINUTES, account);
      const calls = before?.minute === minute ? before.calls + 1 : 1;
      store.put(MINUTES, account, { minute, calls });
      return calls <= limit;
    },
    spend: (account, cents) => {
      const spent = (store.get<number>(SPENT, account) ?? 0) + cents;
      if (spent > (accounts.account(account)?.depositEuro ?? 0) * 100) return false;
      store.put(SPENT, account, spent);
      return true;
    },
  };
  return ledger;
}

export function isLapsed(ledger: Ledger, { account, savedAt }: Booking): boolean {
  const heldMs = (ledger.account(account)?.holdMinutes ?? 0) * 60_000;
  return ledger.now(account).getTime() >= Date.parse(savedAt) + heldMs;
}
