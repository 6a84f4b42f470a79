import { z } from 'zod';
import { openAccountClock, wallClock, type AccountClock } from '../simulator/account-clock.ts';
import { openAccounts } from '../simulator/accounts.ts';
import { isLoopback } from '../simulator/deliveries.ts';
import type { SimulatorWorld } from '../simulator/types.ts';

/** What the simulated PayU keeps, and where its ids and times come from. */

const secret = z.string().regex(/^[\x21-\x7b\x7d\x7e]{4,100}$/, 'no blanks and no bars');
const milliseconds = z.int().min(0).max(86_400_000);

const AccountSettings = z.strictObject({
  merchantKey: secret,
  salt: secret,
  /** Where results and refund callbacks go; the vendor has it in its dashboard. */
  webhookUrl: z.url().max(2_000).refine(isLoopback, 'webhooks go to this machine only').optional(),
  /** Both encodings of a form are documented. */
  hookEncoding: z.enum(['urlencoded', 'multipart']).default('urlencoded'),
  /** Waits before the second and every further try. The vendor tries three times; the spacing is not published. */
  retryDelaysMs: z.array(milliseconds).max(12).default([60_000, 300_000]),
  /** The vendor tells of pending payments only where its support has switched that on. */
  pushesPending: z.boolean().default(false),
  /** `later`: a payment is authorised and no more, until somebody captures it elsewhere. */
  captures: z.enum(['atOnce', 'later']).default('atOnce'),
  /** How long a refund is queued; null waits for POST /bank/{request_id}. */
  refundDelayMs: milliseconds.nullable().default(2_000),
  /** Two refunds of the same amount for one payment are refused within this time. */
  equalRefundWaitMs: milliseconds.default(300_000),
});

export type Account = z.infer<typeof AccountSettings>;

/** What a payment is from a time on. */
export interface Stage {
  readonly at: string;
  readonly status: 'pending' | 'success' | 'failure';
  readonly unmapped: string;
}

export interface Refund {
  readonly requestId: string;
  readonly action: 'refund' | 'cancel';
  readonly token: string;
  readonly cents: number;
  readonly at: string;
  /** When it succeeds by itself. */
  readonly dueAt: string | null;
  readonly decided: 'SUCCESS' | 'FAILURE' | null;
  readonly callbackUrl: string | null;
}

/** One posting of a form: a txnid that failed may be posted again and is then another one. */
export interface Payment {
  readonly account: string;
  /** mihpayid, 18 digits: text, as no number here holds it */
  readonly id: string;
  /** Names the hosted page. */
  readonly key: string;
  readonly txnid: string;
  readonly cents: number;
  readonly chargesCents: number;
  /** The posted fields that are echoed: productinfo, firstname, email, phone, udf1 and so on. */
  readonly posted: Readonly<Record<string, string>>;
  readonly surl: string;
  readonly furl: string;
  readonly addedOn: string;
  /** In time order; the first one is the open page. */
  readonly stages: readonly Stage[];
  readonly captureId: string;
  readonly refunds: readonly Refund[];
}

/** The vendor's memory, over the simulator's store. */
export interface Ledger extends AccountClock {
  account(id: string): Account | undefined;
  accountByKey(merchantKey: string): string | null;
  putAccount(id: string, settings: unknown): void;
  reset(id: string): void;
  payment(account: string, id: string): Payment | undefined;
  byPage(key: string): Payment | undefined;
  byRequest(requestId: string): Payment | undefined;
  /** Every posting of a txnid, oldest first. */
  byTxnid(account: string, txnid: string): Payment[];
  save(payment: Payment): void;
  payments(account: string | null): Payment[];
  stage(payment: Payment): Stage;
  /** queued, SUCCESS or FAILURE: both cases occur. */
  refundState(payment: Payment, refund: Refund): string;
}

const [PAYMENTS, PAGES, REQUESTS, ATTEMPTS] = ['payments', 'pages', 'requests', 'attempts'] as const;

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const clock = openAccountClock(world, 'payu');
  const taken = 'Another account has this merchant key.';
  const accounts = openAccounts(store, AccountSettings, ({ merchantKey }) => merchantKey, taken);
  const at = (place: string | undefined): Payment | undefined => store.get<Payment>(PAYMENTS, place ?? '');
  const attempts = (account: string, txnid: string): readonly string[] =>
    store.get<string[]>(ATTEMPTS, `${account}/${txnid}`) ?? [];
  const ledger: Ledger = {
    ...clock,
    account: accounts.account,
    accountByKey: accounts.byKey,
    putAccount: accounts.putAccount,
    reset: (id) => {
      for (const payment of ledger.payments(id)) {
        store.remove(PAYMENTS, `${id}/${payment.id}`);
        store.remove(PAGES, payment.key);
        store.remove(ATTEMPTS, `${id}/${payment.txnid}`);
        for (const refund of payment.refunds) store.remove(REQUESTS, refund.requestId);
      }
      clock.forget(id);
    },
    payment: (account, id) => at(`${account}/${id}`),
    byPage: (key) => at(store.get(PAGES, key)),
    byRequest: (requestId) => at(store.get(REQUESTS, requestId)),
    byTxnid: (account, txnid) => attempts(account, txnid).flatMap((id) => ledger.payment(account, id) ?? []),
    save: (payment) => {
      const { account, txnid, id } = payment;
      const place = `${account}/${id}`;
      if (at(place) === undefined) {
        store.put(PAGES, payment.key, place);
        store.put(ATTEMPTS, `${account}/${txnid}`, [...attempts(account, txnid), id]);
      }
      for (const { requestId } of payment.refunds) {
        if (store.get(REQUESTS, requestId) === undefined) store.put(REQUESTS, requestId, place);
      }
      store.put(PAYMENTS, place, payment);
    },
    payments: (account) =>
      [...store.entries<Payment>(PAYMENTS)]
        .map(([, payment]) => payment)
        .filter((one) => account === null || one.account === account),
    stage: (payment) => {
      const now = clock.now(payment.account).toISOString();
      return payment.stages.findLast((stage) => stage.at <= now) ?? payment.stages[0]!;
    },
    refundState: (payment, { decided, dueAt }) =>
      decided ?? (dueAt !== null && dueAt <= clock.now(payment.account).toISOString() ? 'SUCCESS' : 'queued'),
  };
  return ledger;
}

/** Every account has a million numbers of its own. */
export function numbered(ledger: Ledger, account: string, thing: string): string {
  const own = Number.parseInt(ledger.derive(account, `numbers of ${thing}`).slice(0, 8), 16) % 1_000_000;
  return `${String(own).padStart(6, '0')}${String(ledger.next(account, thing)).padStart(6, '0')}`;
}

/** An ISO time so many milliseconds after the account's own. */
export function later(ledger: Ledger, account: string, ms: number): string {
  return new Date(ledger.now(account).getTime() + ms).toISOString();
}

/** Hundredths of `499`, `499.5` or `499.00`; null for anything else. */
export function centsOf(text: string): number | null {
  const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0')) : null;
}

/** `YYYY-MM-DD HH:MM:SS` in India, without saying so. */
export const wallTime = wallClock('Asia/Kolkata');
