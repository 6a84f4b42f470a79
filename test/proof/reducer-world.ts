/**
 * A payment, its order and the books in memory, moved by nothing but the domain's own decisions, put together as settlement.ts,
 * gateway-transaction.ts and refund-settle.ts put them together. Checked after every step by laws that know nothing of the reducer.
 */
import { refundParts, type TaxPart } from '../../src/domain/credit.ts';
import {
  refundPosting,
  reviewHoldPosting,
  reviewRefundPosting,
  settlementPosting,
  type LedgerEntry,
} from '../../src/domain/ledger.ts';
import type { OrderStatus } from '../../src/domain/order.ts';
import { decideRefund, decideReview } from '../../src/domain/payment-review.ts';
import type { PaymentVerdict } from '../../src/domain/payment-decision.ts';
import { isSettled, type PaymentStatus } from '../../src/domain/payment-state.ts';
import { decideSurplus } from '../../src/domain/payment-surplus.ts';
import {
  decidePayment,
  type AmountRule,
  type GatewayFact,
  type PaymentClaim,
  type PaymentDecision,
} from '../../src/domain/payment.ts';
import { canComeAgain, nameOf, NOTHING, PRICE_MINOR, REFUND_MINOR, script, Vendor } from './alphabet.ts';
import type { Action, Event, Hook, Mood, Script, Start, Traits } from './alphabet.ts';
import { amountAt, partOf, type End } from './expectation.ts';

/** What a vendor's customer pays, and how the tenant compares it. */
export interface Money {
  readonly amountMinor: bigint;
  readonly currencyCode: string;
  readonly amountRule: AmountRule;
  /** What keeps it from settling, by the requirements. */
  readonly misfit: 'AMOUNT' | 'CURRENCY' | null;
}

const ASKED_CURRENCY = 'EGP';
const LINES: readonly TaxPart[] = [{ rate: '14', grossMinor: PRICE_MINOR, taxMinor: 1_228n }];
const TAX_MINOR = 1_228n;
/** How far along a payment is: where it moves, it moves up. */
const RANK: Readonly<Record<PaymentStatus, number>> = {
  UNPAID: 0,
  PENDING: 1,
  FAILED: 2,
  EXPIRED: 2,
  CANCELLED: 2,
  UNDER_REVIEW: 3,
  PAID: 4,
  PARTIALLY_REFUNDED: 5,
  REFUNDED: 6,
};

type Movable = {
  status: PaymentStatus;
  amountMinor: bigint;
  currencyCode: string;
  capturedMinor: bigint;
  refundedMinor: bigint;
  settledMinor: bigint;
  creditMinor: bigint;
  reviewReason: string | null;
};

export class ReducerWorld {
  readonly vendor: Vendor;
  readonly #traits: Traits;
  readonly #mood: Mood;
  readonly #money: Money;
  #last: Script = NOTHING;
  readonly #payment: Movable = {
    status: 'PENDING',
    amountMinor: PRICE_MINOR,
    currencyCode: ASKED_CURRENCY,
    capturedMinor: 0n,
    refundedMinor: 0n,
    settledMinor: 0n,
    creditMinor: 0n,
    reviewReason: null,
  };
  readonly #order = {
    status: 'ISSUED' as OrderStatus,
    totalMinor: PRICE_MINOR,
    paidMinor: 0n,
    refundedMinor: 0n,
    currencyCode: ASKED_CURRENCY,
  };
  #key: string | null = null;
  #overdue = false;
  #open: { id: string; amountMinor: bigint; sent: boolean } | null = null;
  #parts: TaxPart[] = [];
  #booked = 0;
  readonly #held = new Set<string>();
  readonly #accepted = new Set<string>();
  readonly #asked = new Set<string>();
  readonly #balances = new Map<string, bigint>();
  /** What was found wrong; null as long as all laws hold. */
  fault: string | null = null;

  constructor(traits: Traits, start: Start, mood: Mood, money: Money) {
    this.#traits = traits;
    this.#mood = mood;
    this.#money = money;
    this.vendor = new Vendor(traits, amountAt(start, money));
    this.#begin(start);
  }

  play(event: Event): void {
    this.#last = script(this.vendor, event, this.#mood, this.#last);
    for (const action of this.#last.now) this.#act(action);
    this.#audit();
  }

  get end(): End {
    const { status, capturedMinor, refundedMinor, reviewReason: reason } = this.#payment;
    const rest = { reason, capturedMinor, refundedMinor, refundOpen: this.#open !== null, held: this.#held.size };
    return { payment: status, order: this.#order.status, ...rest };
  }

  /** All that what comes next may depend on; names that the vendor made count by their places only. */
  get key(): string {
    const { status, transactions, refunds } = this.vendor;
    const { again } = this.#last;
    const accepted = [...this.#accepted].filter((name) => canComeAgain(this.#traits, name, this.#last)).toSorted();
    const ours = [
      this.#payment,
      this.#order,
      this.#key,
      this.#overdue,
      this.#open,
      this.#parts,
      [...this.#held],
      accepted,
    ];
    const asked = [...refunds].filter(([id]) => id === this.#open?.id);
    const text = JSON.stringify([ours, status, transactions, asked, again], (_name, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    const places = new Map<string, string>();
    return text.replaceAll(/t\d{3}/g, (name) => {
      if (!places.has(name)) places.set(name, `#${places.size}`);
      return places.get(name)!;
    });
  }

  #begin(start: Start): void {
    switch (start) {
      case 'PENDING':
        return;
      case 'FAILED':
      case 'EXPIRED':
        this.#settle({ kind: start }, this.#factOf('PENDING'));
        return;
      case 'ORDER_CANCELLED':
      case 'ORDER_EXPIRED':
        this.#payment.status = 'CANCELLED';
        this.#order.status = start === 'ORDER_CANCELLED' ? 'CANCELLED' : 'EXPIRED';
        return;
      case 'PAID_OTHERWISE':
        Object.assign(this.#order, { status: 'PAID', paidMinor: PRICE_MINOR });
        return;
      default:
        this.#key = this.vendor.pay();
        this.#settle(null, {
          status: 'PAID',
          amountMinor: start === 'UNDER_REVIEW' ? this.vendor.amountMinor : PRICE_MINOR,
          currencyCode: ASKED_CURRENCY,
        });
        for (let parts = start === 'REFUNDED' ? 2 : start === 'PARTIALLY_REFUNDED' ? 1 : 0; parts > 0; parts -= 1)
          this.#wentBack(REFUND_MINOR);
    }
  }

  #act(action: Action): void {
    if (action.kind === 'deliver') return action.hook.label === 'refund' ? this.#refundTold() : this.#told(action.hook);
    if (action.kind === 'askRefund') return this.#askRefund(action.key);
    if (action.kind === 'poll') return this.#poll();
    this.#overdue = true;
  }

  #factOf(status: GatewayFact['status']): GatewayFact {
    return status === 'PAID'
      ? { status, amountMinor: this.vendor.amountMinor, currencyCode: this.#money.currencyCode }
      : { status, amountMinor: null, currencyCode: null };
  }

  #told(hook: Hook): void {
    const { confirms } = this.#traits;
    if ((confirms && !hook.genuine) || this.#accepted.has(nameOf(this.#traits, hook))) return;
    const kind = ({ paid: 'PAID', failed: 'FAILED', expired: 'EXPIRED', refund: 'REFUNDED' } as const)[hook.label];
    const claim = {
      kind,
      amountMinor: hook.amountMinor,
      currencyCode: kind === 'PAID' ? this.#money.currencyCode : null,
    };
    const fact = this.#factOf(confirms ? (kind === 'PAID' ? 'PAID' : 'PENDING') : this.vendor.status);
    const verdict = this.#byTransaction(
      claim,
      fact,
      confirms ? hook.transaction : (this.vendor.transactions[0] ?? null),
    );
    if (verdict === 'ACCEPTED') this.#accepted.add(nameOf(this.#traits, hook));
  }

  // As gateway-transaction.ts: each transaction is one payment's.
  #byTransaction(claim: PaymentClaim | null, fact: GatewayFact, transaction: string | null): PaymentVerdict {
    if (fact.status !== 'PAID' || !this.#traits.paysAgain) return this.#settle(claim, fact);
    const hasMoney = isSettled(this.#payment.status) || this.#payment.status === 'UNDER_REVIEW';
    if (!hasMoney || this.#key === transaction) {
      this.#key = transaction;
      return this.#settle(claim, fact);
    }
    if (this.#held.has(transaction!)) return 'ALREADY_PROCESSED';
    const money = { amountMinor: fact.amountMinor!, currencyCode: fact.currencyCode! };
    const surplus = { ...this.#payment, status: 'UNPAID', capturedMinor: 0n } as const;
    const decision = decideSurplus({ payment: surplus, order: this.#order }, money);
    if (decision.paymentStatus !== 'UNDER_REVIEW' || decision.settleMinor !== 0n) this.fault = 'surplus was settled';
    this.#held.add(transaction!);
    this.#post(reviewHoldPosting({ heldMinor: decision.holdMinor }));
    return decision.verdict;
  }

  #settle(claim: PaymentClaim | null, fact: GatewayFact): PaymentVerdict {
    const { amountRule } = this.#money;
    const decision = decidePayment({ payment: this.#payment, order: this.#order, fact, claim, amountRule });
    this.#write(decision);
    return decision.verdict;
  }

  #write(decision: PaymentDecision): void {
    const { effects } = decision;
    this.#move(decision.paymentStatus);
    this.#order.status = decision.orderStatus;
    this.#order.paidMinor += decision.settleMinor;
    const { capturedMinor, reviewReason } = decision;
    Object.assign(this.#payment, { capturedMinor, reviewReason });
    this.#payment.settledMinor += decision.settleMinor;
    this.#payment.creditMinor += decision.creditMinor;
    const { settleMinor: amountMinor, commissionMinor, feeMinor, holdMinor: heldMinor } = decision;
    if (effects.postSettlement)
      this.#post(settlementPosting({ amountMinor, commissionMinor, feeMinor, taxMinor: TAX_MINOR }));
    if (effects.postReviewHold) this.#post(reviewHoldPosting({ heldMinor }));
    if (effects.postSettlement || effects.postReviewHold) this.#booked += 1;
    if (effects.issueInvoice !== effects.postSettlement) this.fault = 'an invoice without a sale, or the other way';
  }

  #poll(): void {
    const { status, capturedMinor } = this.#payment;
    if (capturedMinor === 0n && !isSettled(status) && status !== 'UNDER_REVIEW') {
      const [first = null, ...others] = this.vendor.transactions;
      const fact = this.#factOf(this.vendor.status);
      this.#byTransaction(this.#overdue ? { kind: 'EXPIRED' } : null, fact, first);
      for (const other of others) this.#byTransaction(null, fact, other);
    }
    if (this.#open) this.#followRefund(this.#open);
  }

  #askRefund(key: string): void {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    if (this.#open) return;
    if (this.#payment.status === 'UNDER_REVIEW') {
      const input = { payment: this.#payment, order: this.#order, fact: null, claim: null };
      const { refundMinor } = decideReview(input, 'REFUND');
      this.#open = { id: key, amountMinor: refundMinor, sent: false };
      return;
    }
    if (this.#payment.status !== 'PAID' && this.#payment.status !== 'PARTIALLY_REFUNDED') return;
    const leftMinor = this.#payment.capturedMinor - this.#payment.refundedMinor;
    this.#open = { id: key, amountMinor: partOf(leftMinor), sent: false };
    this.#followRefund(this.#open);
  }

  #followRefund(open: { id: string; amountMinor: bigint; sent: boolean }): void {
    if (!open.sent) this.vendor.refund(open.id, open.amountMinor);
    open.sent = true;
    this.#refundTold();
  }

  #refundTold(): void {
    if (!this.#open || this.vendor.refunds.get(this.#open.id)?.state !== 'DONE') return;
    const { amountMinor } = this.#open;
    this.#open = null;
    this.#wentBack(amountMinor);
  }

  #wentBack(refundMinor: bigint): void {
    const decision = decideRefund({ payment: this.#payment, order: this.#order, refundMinor });
    const { ofOrderMinor, creditMinor, commissionMinor, wasHeld } = decision;
    const parts = ofOrderMinor === 0n ? [] : refundParts(LINES, this.#parts, ofOrderMinor);
    this.#parts.push(...parts);
    this.#move(decision.paymentStatus);
    this.#order.status = decision.orderStatus;
    this.#payment.refundedMinor = decision.paymentRefundedMinor;
    this.#payment.reviewReason = null;
    this.#order.refundedMinor = decision.orderRefundedMinor;
    const taxMinor = parts.reduce((sum, part) => sum + part.taxMinor, 0n);
    this.#post(
      wasHeld
        ? reviewRefundPosting({ refundMinor })
        : refundPosting({ ofOrderMinor, taxMinor, creditMinor, commissionMinor, target: 'GATEWAY' }),
    );
  }

  #move(to: PaymentStatus): void {
    const from = this.#payment.status;
    if (to !== from && RANK[to] <= RANK[from]) this.fault = `moved backwards: ${from} to ${to}`;
    this.#payment.status = to;
  }

  #post(entries: readonly LedgerEntry[]): void {
    if (entries.reduce((sum, { amountMinor }) => sum + amountMinor, 0n) !== 0n)
      this.fault = 'a posting does not balance';
    for (const { accountKind, amountMinor } of entries)
      this.#balances.set(accountKind, (this.#balances.get(accountKind) ?? 0n) + amountMinor);
  }

  #audit(): void {
    const { status, capturedMinor, refundedMinor } = this.#payment;
    const { paidMinor, totalMinor } = this.#order;
    const balance = (kind: string) => this.#balances.get(kind) ?? 0n;
    const heldMinor = BigInt(this.#held.size) * this.vendor.amountMinor;
    const underReview = status === 'UNDER_REVIEW' ? capturedMinor : 0n;
    const laws: [string, boolean][] = [
      ['money is booked once', this.#booked === (capturedMinor > 0n ? 1 : 0)],
      ['no more goes back than came', refundedMinor >= 0n && refundedMinor <= capturedMinor],
      [
        'no more goes back than the vendor gave',
        this.vendor.givenBackMinor <= capturedMinor && !this.vendor.askedTwice,
      ],
      ['no order counts more than it costs', paidMinor <= totalMinor],
      [
        'what is at the gateway is in the books',
        balance('GATEWAY_CLEARING') === capturedMinor - refundedMinor + heldMinor,
      ],
      ['what is held is owed', balance('PAYMENTS_UNDER_REVIEW') === -(underReview + heldMinor)],
      ['all that went back took its tax along', !(status === 'REFUNDED') || balance('TAX_PAYABLE') === 0n],
    ];
    const broken = laws.find(([, holds]) => !holds);
    if (broken) this.fault ??= broken[0];
  }
}
