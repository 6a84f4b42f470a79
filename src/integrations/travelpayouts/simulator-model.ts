import { z } from 'zod';
import { openAccountClock, type AccountClock } from '../simulator/account-clock.ts';
import { openAccounts } from '../simulator/accounts.ts';
import type { SimulatorWorld } from '../simulator/types.ts';

/** What the simulated Travelpayouts keeps, and where its ids and times come from. */

const count = z.int().min(0).max(1_000_000);

const AccountSettings = z.strictObject({
  token: z.string().regex(/^[\x21-\x7e]{8,200}$/, 'no blanks'),
  marker: z.string().regex(/^[\w-]{1,40}$/),
  /** Live searches are by approval. */
  liveAccess: z.boolean().default(true),
  /** Of the days that are asked for, the share that nobody searched lately. */
  emptyShare: z.number().min(0).max(1).default(0.05),
  /** Every answer of the data API fails with this text, and with 200 as the vendor does. */
  failsWith: z.string().max(200).nullable().default(null),
  /** How long a ticket of `cheap` may be shown. */
  ticketSeconds: count.default(172_800),
  /** Agencies that answer a live search, one a poll. */
  agencies: z.int().min(1).max(3).default(3),
  /** Polls that find nothing before the first agency answers. */
  emptyPolls: count.default(0),
  /** The last element comes in a poll of its own, with the last agency's, or never. */
  ends: z.enum(['alone', 'withLast', 'never']).default('alone'),
  /** Results and links die after this. */
  resultSeconds: count.default(900),
  /** What a search that is not known, or no more, is answered. */
  unknownSearch: z.enum(['notFound', 'empty']).default('notFound'),
  /** How agencies take their customers. */
  clickMethod: z.enum(['GET', 'POST']).default('GET'),
  /** `told`: POST /buy says that a customer pressed the button; `assumed`: each click is taken for one. */
  buyActions: z.enum(['told', 'assumed']).default('told'),
  /** Calls a minute of a method that differ from the published ones. */
  limitsPerMinute: z.record(z.string(), count).default({}),
  /** Live searches an hour for one address. */
  searchesPerHour: count.default(200),
  resetUnit: z.enum(['seconds', 'epochSeconds']).default('seconds'),
});

export type Account = z.infer<typeof AccountSettings>;

export interface Passengers {
  readonly adults: number;
  readonly children: number;
  readonly infants: number;
}

export interface Search {
  readonly account: string;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** One day for one way, two for a return trip. */
  readonly days: readonly string[];
  readonly passengers: Passengers;
  readonly currency: string;
  readonly startedAt: string;
  readonly polls: number;
}

export interface ClickRecord {
  readonly account: string;
  readonly id: string;
  readonly searchId: string;
  readonly term: string;
  /** Whether a customer had pressed the button before. */
  readonly bought: boolean;
  readonly url: string;
}

/** What a partner may not do, by what it did. */
export type Violation = 'clickWithoutBuy' | 'tokenInQuery' | 'loopbackAddress';

/** The vendor's memory, over the simulator's store. */
export interface Ledger extends AccountClock {
  account(id: string): Account | undefined;
  accountByToken(token: string): string | null;
  accountsByMarker(marker: string): string[];
  putAccount(id: string, settings: unknown): void;
  reset(id: string): void;
  search(id: string): Search | undefined;
  saveSearch(search: Search): void;
  searches(account: string | null): Search[];
  /** A customer pressed the button. */
  allow(searchId: string, term: string): void;
  /** @returns whether somebody had pressed; each press counts once. */
  spend(searchId: string, term: string): boolean;
  saveClick(click: ClickRecord): void;
  clicks(account: string | null): ClickRecord[];
  blame(account: string, violation: Violation): void;
  violations(account: string): Readonly<Record<Violation, number>>;
  /** Counts a call of this window. @returns how many there are now */
  countIn(account: string, counter: string, window: number): number;
}

const [SEARCHES, CLICKS, PRESSES, BLAMES, WINDOWS] = ['searches', 'clicks', 'presses', 'blames', 'windows'] as const;
const INNOCENT: Readonly<Record<Violation, number>> = { clickWithoutBuy: 0, tokenInQuery: 0, loopbackAddress: 0 };

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const clock = openAccountClock(world, 'travelpayouts');
  const accounts = openAccounts(store, AccountSettings, ({ token }) => token, 'Another account has this token.');
  const values = <T extends { readonly account: string }>(collection: string, account: string | null): T[] =>
    [...store.entries<T>(collection)]
      .map(([, one]) => one)
      .filter((one) => account === null || one.account === account);
  const ledger: Ledger = {
    ...clock,
    account: accounts.account,
    accountByToken: accounts.byKey,
    accountsByMarker: (marker) =>
      [...store.entries<Account>('accounts')].filter(([, one]) => one.marker === marker).map(([id]) => id),
    putAccount: accounts.putAccount,
    reset: (id) => {
      for (const search of ledger.searches(id)) {
        store.remove(SEARCHES, search.id);
        for (const [key] of [...store.entries(PRESSES)].filter(([one]) => one.startsWith(`${search.id}/`))) {
          store.remove(PRESSES, key);
        }
      }
      for (const click of ledger.clicks(id)) store.remove(CLICKS, click.id);
      for (const [key] of [...store.entries(WINDOWS)].filter(([one]) => one.startsWith(`${id}/`))) {
        store.remove(WINDOWS, key);
      }
      store.remove(BLAMES, id);
      clock.forget(id);
    },
    search: (id) => store.get<Search>(SEARCHES, id),
    saveSearch: (search) => store.put(SEARCHES, search.id, search),
    searches: (account) => values<Search>(SEARCHES, account),
    allow: (searchId, term) => {
      const key = `${searchId}/${term}`;
      store.put(PRESSES, key, (store.get<number>(PRESSES, key) ?? 0) + 1);
    },
    spend: (searchId, term) => {
      const key = `${searchId}/${term}`;
      const left = store.get<number>(PRESSES, key) ?? 0;
      if (left > 0) store.put(PRESSES, key, left - 1);
      return left > 0;
    },
    saveClick: (click) => store.put(CLICKS, click.id, click),
    clicks: (account) => values<ClickRecord>(CLICKS, account),
    blame: (account, violation) => {
      const before = ledger.violations(account);
      store.put(BLAMES, account, { ...before, [violation]: before[violation] + 1 });
    },
    violations: (account) => store.get<Record<Violation, number>>(BLAMES, account) ?? INNOCENT,
    countIn: (account, counter, window) => {
      const key = `${account}/${counter}`;
      const held = store.get<{ window: number; count: number }>(WINDOWS, key);
      const counted = { window, count: held?.window === window ? held.count + 1 : 1 };
      store.put(WINDOWS, key, counted);
      return counted.count;
    },
  };
  return ledger;
}

/** `c9c6de8c-3fb4-404e-b88c-e9e0a605f183` */
export function uuidOf(digits: string): string {
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20, 32),
  ].join('-');
}
