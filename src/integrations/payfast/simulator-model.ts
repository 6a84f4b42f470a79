import { z } from 'zod';
import { digest, openAccountClock, wallClock, type AccountClock } from '../simulator/account-clock.ts';
import { openAccounts } from '../simulator/accounts.ts';
import { isLoopback } from '../simulator/deliveries.ts';
import type { SimulatorWorld } from '../simulator/types.ts';

/** What the simulated PayFast keeps, and where its ids and times come from. */

const AccountSettings = z.strictObject({
  merchantId: z.string().regex(/^\d{8}$/),
  merchantKey: z.string().min(8).max(60),
  /** Absent: checkouts are signed without one, and the API refuses the account. */
  passphrase: z.string().min(1).max(60).optional(),
  /** Where notifications go when a form names no notify_url. */
  notifyUrl: z.url().max(2_000).refine(isLoopback, 'notifications go to this machine only').optional(),
  /** The vendor's sandbox sends a notification once and never again. */
  sandbox: z.boolean().default(false),
  /** Waits before the second and every further try: at once, after ten minutes, then ever longer. */
  retryDelaysMs: z
    .array(z.int().min(0).max(86_400_000))
    .max(12)
    .default([0, 600_000, 1_200_000, 2_400_000, 4_800_000, 9_600_000, 19_200_000, 38_400_000]),
  /** The order of a notification's custom fields: the sample posts strings first, the documentation integers. */
  customOrder: z.enum(['strings', 'integers']).default('strings'),
  /** Whether a declined or a waiting payment is told: the documentation is silent, the vendor's plugin expects it. */
  notifies: z.enum(['all', 'complete']).default('all'),
  refundMethod: z.enum(['PAYMENT_SOURCE', 'BANK_PAYOUT', 'NOT_AVAILABLE']).default('PAYMENT_SOURCE'),
  /** Most rows of one page of the statement, whatever limit is asked for. */
  statementRowsMax: z.int().min(1).max(10_000).default(1_000),
  /** Refuse API calls whose timestamp is more than 15 minutes off. */
  checkTimestamp: z.boolean().default(false),
});

export type Account = z.infer<typeof AccountSettings>;

export interface Refund {
  readonly cents: number;
  readonly at: string;
  /** The real day, see Payment.paidOn. */
  readonly on: string;
  readonly reason: string;
}

/** One checkout: posting the same form again makes another one. */
export interface Payment {
  readonly account: string;
  /** pf_payment_id */
  readonly id: number;
  /** Names the hosted page. */
  readonly key: string;
  readonly merchantPaymentId: string;
  readonly amountCents: number;
  readonly itemName: string;
  readonly itemDescription: string;
  /** custom_str1..5 and custom_int1..5 */
  readonly strings: readonly string[];
  readonly integers: readonly string[];
  readonly nameFirst: string;
  readonly nameLast: string;
  readonly email: string;
  readonly returnUrl: string | null;
  readonly cancelUrl: string | null;
  readonly notifyUrl: string | null;
  readonly state: 'open' | 'complete';
  readonly grossCents: number | null;
  readonly feeCents: number | null;
  readonly currency: string;
  readonly paidAt: string | null;
  /**
   * The real day it was paid. A scenario has a clock of its own and its client has not: the statement is found by
   * either day, and shows the scenario's.
   */
  readonly paidOn: string | null;
  readonly attempts: readonly { readonly action: string; readonly at: string }[];
  readonly refunds: readonly Refund[];
}

/** The vendor's memory, over the simulator's store. */
export interface Ledger extends Omit<AccountClock, 'next' | 'forget'> {
  account(id: string): Account | undefined;
  accountByMerchant(merchantId: string): string | null;
  putAccount(id: string, settings: unknown): void;
  reset(id: string): void;
  payment(account: string, id: string): Payment | undefined;
  byPage(key: string): Payment | undefined;
  save(payment: Payment): void;
  payments(account: string | null): Payment[];
  /** Remembers a parameter string that was really sent. */
  sent(account: string, text: string): void;
  wasSent(account: string, text: string): boolean;
  nextPayment(account: string): number;
}

const [PAYMENTS, PAGES, SENT] = ['payments', 'pages', 'sent'] as const;

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const taken = 'Another account has this merchant id.';
  const accounts = openAccounts(store, AccountSettings, ({ merchantId }) => merchantId, taken);
  const clock = openAccountClock(world, 'payfast');
  const ledger: Ledger = {
    ...clock,
    account: accounts.account,
    accountByMerchant: accounts.byKey,
    putAccount: accounts.putAccount,
    reset: (id) => {
      for (const payment of ledger.payments(id)) {
        store.remove(PAYMENTS, `${id}/${payment.id}`);
        store.remove(PAGES, payment.key);
      }
      const sent = [...store.entries(SENT)].filter(([place]) => place.startsWith(`${id}/`));
      for (const [place] of sent) store.remove(SENT, place);
      clock.forget(id);
    },
    payment: (account, id) => store.get<Payment>(PAYMENTS, `${account}/${id}`),
    byPage: (key) => store.get<Payment>(PAYMENTS, store.get<string>(PAGES, key) ?? ''),
    save: (payment) => {
      const place = `${payment.account}/${payment.id}`;
      if (store.get(PAYMENTS, place) === undefined) store.put(PAGES, payment.key, place);
      store.put(PAYMENTS, place, payment);
    },
    payments: (account) =>
      [...store.entries<Payment>(PAYMENTS)]
        .map(([, payment]) => payment)
        .filter((one) => account === null || one.account === account),
    sent: (account, text) => store.put(SENT, `${account}/${digest(text)}`, 1),
    wasSent: (account, text) => store.get(SENT, `${account}/${digest(text)}`) !== undefined,
    nextPayment: (account) => clock.next(account, 'payments'),
  };
  return ledger;
}

export function refundedCents(payment: Payment): number {
  return payment.refunds.reduce((sum, refund) => sum + refund.cents, 0);
}

/** `YYYY-MM-DD HH:MM:SS` in Johannesburg, without saying so. */
export const wallTime = wallClock('Africa/Johannesburg');
