import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { openAccountClock, type AccountClock } from '../simulator/account-clock.ts';
import { openAccounts } from '../simulator/accounts.ts';
import type { SimulatorWorld } from '../simulator/types.ts';
import type { Party, Stay, Timing } from './simulator-inventory.ts';

/** What the simulated Demand API keeps, and where its ids and times come from. */

const AccountSettings = z.strictObject({
  apiKey: z.string().regex(/^[\x21-\x7e]{8,200}$/),
  affiliateId: z.string().regex(/^\d{1,15}$/),
  /** Production knows no mock properties. */
  environment: z.enum(['sandbox', 'production']).default('sandbox'),
  /** False: known, and allowed nothing. */
  permitted: z.boolean().default(true),
  /** Over all operations; one more blocks the account for a minute. 0: no limit. */
  callsPerMinute: z.int().min(0).max(1_000_000).default(50),
  /** Rooms of each type a property has, every night. */
  roomsPerType: z.int().min(0).max(1_000).default(5),
  /** What a preview asks more than the search showed. */
  priceChangePercent: z.int().min(-90).max(300).default(0),
  /** Where somebody else is faster. */
  soldOutAt: z.enum(['never', 'preview', 'create']).default('never'),
  /** How long a new order is not shown by /orders/details. */
  visibleAfterMs: z.int().min(0).max(86_400_000).default(0),
  /** False: the label is not kept. */
  keepsLabels: z.boolean().default(true),
  /** What a second order under one token is answered; the documentation is silent. */
  reusedToken: z.enum(['duplicate_request', 'invalid_token']).default('duplicate_request'),
  /** False: nothing is told in the booker's currency. */
  converts: z.boolean().default(true),
  /** Most rows of a page, whatever is asked for. */
  rowsMax: z.int().min(1).max(100).default(100),
  /** False: a search does not tell its products. */
  tellsProducts: z.boolean().default(true),
});

export type Account = z.infer<typeof AccountSettings>;

export type Status =
  | 'booked'
  | 'cancelled'
  | 'cancelled_by_guest'
  | 'cancelled_by_accommodation'
  | 'stayed'
  | 'no_show';

export interface Booked extends Party {
  readonly product: string;
  readonly room: string;
}

export interface Order extends Stay {
  readonly account: string;
  readonly id: string;
  readonly reservation: string;
  readonly pincode: string;
  readonly label: string | null;
  readonly status: Status;
  readonly property: number;
  readonly rooms: readonly Booked[];
  /** Hundredths of the property's currency. */
  readonly total: number;
  readonly booker: {
    readonly country: string;
    readonly email: string;
    readonly firstName: string;
    readonly lastName: string;
    readonly telephone: string;
    readonly language: string;
  };
  readonly timing: Timing;
  readonly method: string | null;
  readonly remarks: string | null;
  readonly created: string;
  readonly updated: string;
  /**
   * The real time it was made and changed at: a scenario has a clock of its own and its client has not. An order is found
   * by either, and shows the scenario's.
   */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Before this it is not told. */
  readonly visibleAtMs: number;
}

/** What a preview promised. */
export interface Previewed extends Stay {
  readonly property: number;
  readonly rooms: readonly Booked[];
  readonly total: number;
  readonly expiresAtMs: number;
  /** The reservation it was turned into. */
  readonly usedFor: string | null;
}

/** A further page of a search or of orders: the request and where it goes on. */
export interface Page {
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly offset: number;
  readonly expiresAtMs: number;
}

/** The vendor's memory, over the simulator's store. */
export interface Ledger extends Omit<AccountClock, 'next' | 'forget'> {
  account(id: string): Account | undefined;
  accountByKey(key: string): string | null;
  putAccount(id: string, settings: unknown): void;
  reset(id: string): void;
  /** The seed prices are drawn from. */
  seedOf(account: string): string;
  requestId(account: string): string;
  /** Counts a call; @returns false where the account is blocked. */
  admit(account: string): boolean;
  /** Keeps a thing under a signed token that only this account can use. */
  keep(account: string, kind: 'order' | 'page', thing: Previewed | Page): string;
  /** Null for a token that was never given, or was changed. */
  kept<T>(account: string, kind: 'order' | 'page', token: string): T | null;
  replace(account: string, token: string, thing: Previewed): void;
  order(account: string, id: string): Order | undefined;
  /** Oldest first. */
  orders(account: string | null): Order[];
  save(order: Order): void;
  newIds(account: string): { order: string; reservation: string; pincode: string };
}

const [ORDERS, KEPT, CALLS] = ['orders', 'kept', 'minutes'] as const;
const MINUTE_MS = 60_000;

interface Minute {
  readonly startedAtMs: number;
  readonly count: number;
  readonly blockedUntilMs: number;
}

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const accounts = openAccounts(store, AccountSettings, ({ apiKey }) => apiKey, 'Another account has this API key.');
  const clock = openAccountClock(world, 'booking');
  const ledger: Ledger = {
    ...clock,
    account: accounts.account,
    accountByKey: accounts.byKey,
    putAccount: accounts.putAccount,
    reset: (id) => {
      for (const collection of [ORDERS, KEPT]) {
        const own = [...store.entries(collection)].filter(([place]) => place.startsWith(`${id}/`));
        for (const [place] of own) store.remove(collection, place);
      }
      store.remove(CALLS, id);
      clock.forget(id);
    },
    seedOf: (account) => world.seedOf(account)?.seed ?? 'booking',
    requestId: (account) => ulidLook(clock.derive(account, `request:${clock.next(account, 'requests')}`)),
    admit: (account) => {
      const most = ledger.account(account)?.callsPerMinute ?? 0;
      const now = world.now().getTime();
      const before = store.get<Minute>(CALLS, account);
      if (before && now < before.blockedUntilMs) return false;
      const isSame = before !== undefined && before.blockedUntilMs === 0 && now - before.startedAtMs < MINUTE_MS;
      const minute = isSame ? before : { startedAtMs: now, count: 0, blockedUntilMs: 0 };
      const isOver = most > 0 && minute.count >= most;
      store.put(CALLS, account, {
        ...minute,
        count: minute.count + 1,
        blockedUntilMs: isOver ? now + MINUTE_MS : 0,
      } satisfies Minute);
      return !isOver;
    },
    keep: (account, kind, thing) => {
      const name = `${kind}.${clock.next(account, kind)}`;
      store.put(KEPT, `${account}/${name}`, thing);
      return `${Buffer.from(name).toString('base64url')}.${signature(clock, account, name)}`;
    },
    kept: <T>(account: string, kind: string, token: string) => {
      const name = nameIn(clock, account, token);
      return name?.startsWith(`${kind}.`) ? (store.get<T>(KEPT, `${account}/${name}`) ?? null) : null;
    },
    replace: (account, token, thing) => {
      const name = nameIn(clock, account, token);
      if (name !== null) store.put(KEPT, `${account}/${name}`, thing);
    },
    order: (account, id) => store.get<Order>(ORDERS, `${account}/${id}`),
    orders: (account) =>
      [...store.entries<Order>(ORDERS)]
        .map(([, order]) => order)
        .filter((one) => (account ?? one.account) === one.account),
    save: (order) => store.put(ORDERS, `${order.account}/${order.id}`, order),
    newIds: (account) => {
      const nth = clock.next(account, 'orders');
      const digits = (name: string, length: number): string =>
        BigInt(`0x${clock.derive(account, `${name}:${nth}`).slice(0, 16)}`)
          .toString()
          .padStart(length, '0')
          .slice(-length);
      return {
        order: `5${digits('order', 14)}`,
        reservation: `3${digits('reservation', 9)}`,
        pincode: digits('pincode', 4),
      };
    },
  };
  return ledger;
}

function signature(clock: AccountClock, account: string, name: string): string {
  return createHmac('sha256', clock.derive(account, 'tokens')).update(name).digest('base64url');
}

function nameIn(clock: AccountClock, account: string, token: string): string | null {
  const [named = '', signed = ''] = token.split('.');
  const name = Buffer.from(named, 'base64url').toString();
  return signed === signature(clock, account, name) ? name : null;
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** 26 small letters and digits, as the vendor's ids of requests look. */
function ulidLook(hexadecimal: string): string {
  return `01${[...Buffer.from(hexadecimal, 'hex').subarray(0, 24)].map((byte) => CROCKFORD[byte % 32]).join('')}`;
}
