import { z } from 'zod';
import { openAccountClock, wallClock, type AccountClock } from '../simulator/account-clock.ts';
import { isLoopback } from '../simulator/deliveries.ts';
import type { SimulatorWorld } from '../simulator/types.ts';

/** What the simulated vendor keeps, and where its ids, codes and times come from. */

const hookUrl = z.url().max(2_000).refine(isLoopback, 'webhooks go to this machine only');

export const AccountSettings = z.strictObject({
  apiKey: z.string().min(8).max(200),
  /** Signs the webhooks; the real vendor signs with the API key, which is what an absent one means. */
  vendorKey: z.string().min(8).max(200).optional(),
  webhookUrls: z
    .strictObject({ paid: hookUrl, failed: hookUrl, cancel: hookUrl, refund: hookUrl })
    .partial()
    .default({}),
  /** Major units added to what the customer pays, such as "5.00": the paid amount then exceeds cartTotal. */
  commissionOnCustomer: z
    .string()
    .regex(/^\d{1,9}(\.\d{1,2})?$/)
    .optional(),
  /** Waits before the second and every further try of a webhook that was not answered with 200. */
  retryDelaysMs: z.array(z.int().min(0).max(3_600_000)).max(10).default([5_000, 30_000, 120_000]),
  /**
   * classic: the fields of the first documentation. newer: with paidAmount and its like. legacy: api_key in clear
   * instead of hashKey.
   */
  dialect: z.enum(['classic', 'newer', 'legacy']).default('newer'),
  /** The OAuth client of version 3; without one the account has no refunds by interface. */
  clientId: z.uuid().optional(),
  clientSecret: z.string().min(8).max(200).optional(),
  tokenSeconds: z.int().min(0).max(31_536_000).default(31_536_000),
  /**
   * Null: a refund waits for its page's buttons. Else it is approved after this many milliseconds, and from the
   * beginning nobody can withdraw or reject it.
   */
  refundApprovalMs: z.int().min(0).max(86_400_000).nullable().default(null),
  /** Whether the list shows the comment sent with a request: the documentation does not say so. */
  showsComments: z.boolean().default(false),
  /** False: the list and the details answer 404. */
  offersRefundList: z.boolean().default(true),
});

export type Account = z.infer<typeof AccountSettings>;

export interface Method {
  readonly id: number;
  readonly name: string;
  readonly nameArabic: string;
  readonly redirect: boolean;
}

export const METHODS: readonly Method[] = [
  { id: 2, name: 'Visa-Mastercard', nameArabic: 'فيزا -ماستر كارد', redirect: true },
  { id: 3, name: 'Fawry', nameArabic: 'فوري', redirect: false },
  { id: 4, name: 'Meeza', nameArabic: 'ميزا', redirect: false },
];

export interface Invoice {
  readonly account: string;
  readonly id: number;
  readonly key: string;
  readonly method: { readonly id: number; readonly name: string };
  readonly currency: string;
  readonly totalCents: number;
  readonly customer: {
    readonly firstName: string;
    readonly lastName: string;
    readonly email: string | null;
    readonly phone: string | null;
  };
  readonly payLoad: unknown;
  readonly successUrl: string | null;
  readonly failUrl: string | null;
  readonly webhookUrl: string | null;
  /** Fawry code, Meeza reference; null for a card. */
  readonly code: string | null;
  readonly createdAt: string;
  readonly expireDate: string | null;
  readonly state: 'unpaid' | 'paid' | 'expired';
  readonly paidCents: number | null;
  readonly paidCurrency: string | null;
  readonly paidAt: string | null;
  readonly attempts: readonly { readonly action: string; readonly at: string; readonly reference: string }[];
}

/** The vendor's memory of one account, over the simulator's store. */
export interface Ledger extends Pick<AccountClock, 'countCall' | 'now' | 'derive'> {
  account(id: string): Account | undefined;
  accountByKey(apiKey: string): string | null;
  accountBy(fits: (account: Account) => boolean): string | null;
  putAccount(id: string, account: Account): void;
  reset(id: string): void;
  invoice(account: string, id: string): Invoice | undefined;
  byPage(key: string): Invoice | undefined;
  byCode(code: string): Invoice | undefined;
  save(invoice: Invoice): void;
  invoices(account: string | null): Invoice[];
  nextInvoice(account: string): number;
}

const [ACCOUNTS, INVOICES, PAGES, CODES] = ['accounts', 'invoices', 'pages', 'codes'] as const;

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const keys = new Map<string, string>();
  for (const [id, account] of store.entries<Account>(ACCOUNTS)) keys.set(account.apiKey, id);
  const clock = openAccountClock(world, 'fawaterk');
  const found = (collection: string, name: string): Invoice | undefined => {
    const place = store.get<string>(collection, name);
    return place === undefined ? undefined : store.get<Invoice>(INVOICES, place);
  };
  const ledger: Ledger = {
    ...clock,
    account: (id) => store.get<Account>(ACCOUNTS, id),
    accountByKey: (apiKey) => keys.get(apiKey) ?? null,
    accountBy: (fits) => [...store.entries<Account>(ACCOUNTS)].find(([, account]) => fits(account))?.[0] ?? null,
    putAccount: (id, account) => {
      const before = store.get<Account>(ACCOUNTS, id);
      if (before) keys.delete(before.apiKey);
      keys.set(account.apiKey, id);
      store.put(ACCOUNTS, id, account);
    },
    reset: (id) => {
      for (const invoice of ledger.invoices(id)) {
        store.remove(INVOICES, `${id}/${invoice.id}`);
        store.remove(PAGES, invoice.key);
        if (invoice.code !== null) store.remove(CODES, invoice.code);
      }
      clock.forget(id);
    },
    invoice: (account, id) => store.get<Invoice>(INVOICES, `${account}/${id}`),
    byPage: (key) => found(PAGES, key),
    byCode: (code) => found(CODES, code),
    save: (invoice) => {
      const place = `${invoice.account}/${invoice.id}`;
      if (store.get(INVOICES, place) === undefined) {
        store.put(PAGES, invoice.key, place);
        if (invoice.code !== null) store.put(CODES, invoice.code, place);
      }
      store.put(INVOICES, place, invoice);
    },
    invoices: (account) =>
      [...store.entries<Invoice>(INVOICES)]
        .map(([, invoice]) => invoice)
        .filter((one) => account === null || one.account === account),
    nextInvoice: (account) => clock.next(account, 'invoices'),
  };
  return ledger;
}

export function majorUnits(cents: number): string {
  return `${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

/** For a fault that pays in another one. */
export function otherCurrency(code: string): string {
  return code === 'USD' ? 'EGP' : 'USD';
}

/** Hundredths, or null where the value is no amount with at most two decimals. */
export function cents(value: unknown): number | null {
  const match = /^(\d{1,12})(?:\.(\d{1,2}))?$/.exec(
    typeof value === 'number' || typeof value === 'string' ? String(value).trim() : '',
  );
  return match ? Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0')) : null;
}

/** `YYYY-MM-DD HH:MM:SS` in Cairo, without saying so. */
export const wallTime = wallClock('Africa/Cairo');
