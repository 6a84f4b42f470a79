/**
 * Where a payment and its order must be after an action, by the rules as COM-5, COM-7, COM-9 and COM-10 say them: written without the
 * reducer and without looking at it.
 */
import { nameOf, NOTHING, PRICE_MINOR, REFUND_MINOR, script, Vendor } from './alphabet.ts';
import type { Action, Event, Hook, Mood, Script, Start, Traits } from './alphabet.ts';

export interface End {
  readonly payment: string;
  readonly order: string;
  readonly capturedMinor: bigint;
  readonly refundedMinor: bigint;
  /** A refund was asked for and is not known to be done. */
  readonly refundOpen: boolean;
  /** Second successes, each held as a payment of its own. */
  readonly held: number;
  /** Why it is under review. */
  readonly reason: string | null;
}

/** Amount and currency as they come; other money than was asked for is held. */
export interface Pays {
  readonly amountMinor: bigint;
  /** What keeps it from settling: another amount, or other money. */
  readonly misfit: 'AMOUNT' | 'CURRENCY' | null;
}

const AS_ASKED: Pays = { amountMinor: PRICE_MINOR, misfit: null };
const UNSETTLED = new Set(['PENDING', 'FAILED', 'EXPIRED', 'CANCELLED']);

/** What a vendor's customer pays where a start says so: one under review paid a unit too little. */
export function amountAt(start: Start, pays: Pays = AS_ASKED): bigint {
  return start === 'UNDER_REVIEW' ? PRICE_MINOR - 1n : pays.amountMinor;
}

/** The rules, played forward. */
export class Expectation {
  readonly vendor: Vendor;
  readonly #traits: Traits;
  readonly #mood: Mood;
  readonly #pays: Pays;
  #last: Script = NOTHING;
  #payment = 'PENDING';
  #order = 'ISSUED';
  #capturedMinor = 0n;
  #refundedMinor = 0n;
  #main: string | null = null;
  #reason: string | null = null;
  #overdue = false;
  #open: { readonly id: string; readonly amountMinor: bigint; sent: boolean } | null = null;
  readonly #held = new Set<string>();
  readonly #accepted = new Set<string>();
  readonly #asked = new Set<string>();

  constructor(traits: Traits, start: Start, mood: Mood, pays: Pays = AS_ASKED) {
    this.#traits = traits;
    this.#mood = mood;
    this.#pays = pays;
    this.vendor = new Vendor(traits, amountAt(start, pays));
    this.#begin(start);
  }

  play(event: Event): Script {
    this.#last = script(this.vendor, event, this.#mood, this.#last);
    for (const action of this.#last.now) this.#act(action);
    return this.#last;
  }

  get end(): End {
    return {
      payment: this.#payment,
      order: this.#order,
      capturedMinor: this.#capturedMinor,
      refundedMinor: this.#refundedMinor,
      refundOpen: this.#open !== null,
      held: this.#held.size,
      reason: this.#payment === 'UNDER_REVIEW' ? this.#reason : null,
    };
  }

  #begin(start: Start): void {
    if (start === 'FAILED' || start === 'EXPIRED') this.#payment = start;
    if (start === 'ORDER_CANCELLED') [this.#payment, this.#order] = ['CANCELLED', 'CANCELLED'];
    if (start === 'ORDER_EXPIRED') [this.#payment, this.#order] = ['CANCELLED', 'EXPIRED'];
    if (start === 'PAID_OTHERWISE') this.#order = 'PAID';
    if (start === 'UNDER_REVIEW' || start === 'PAID' || start === 'PARTIALLY_REFUNDED' || start === 'REFUNDED') {
      const refundedMinor = start === 'REFUNDED' ? PRICE_MINOR : start === 'PARTIALLY_REFUNDED' ? REFUND_MINOR : 0n;
      this.#main = this.vendor.pay();
      this.#capturedMinor = start === 'UNDER_REVIEW' ? this.vendor.amountMinor : PRICE_MINOR;
      this.#payment = start;
      this.#reason = 'AMOUNT';
      this.#order = start === 'UNDER_REVIEW' ? 'ISSUED' : start;
      this.#refundedMinor = refundedMinor;
    }
  }

  #act(action: Action): void {
    switch (action.kind) {
      case 'deliver':
        return action.hook.label === 'refund' ? this.#refundTold() : this.#told(action.hook);
      case 'askRefund':
        return this.#askRefund(action.key);
      case 'timeOver':
        this.#overdue = true;
        return;
      case 'poll':
        return this.#poll();
    }
  }

  // What was told before and moved something is not looked at again.
  #told(hook: Hook): void {
    const { confirms } = this.#traits;
    const name = nameOf(this.#traits, hook);
    if (this.#accepted.has(name) || (confirms && !hook.genuine)) return;
    const known = confirms ? (hook.label === 'paid' ? 'PAID' : 'PENDING') : this.vendor.status;
    const before = JSON.stringify([this.#payment, this.#held.size]);
    if (known === 'PAID') this.#money(confirms ? hook.transaction : this.vendor.transactions[0]!);
    else if (hook.label !== 'paid' && this.#payment === 'PENDING')
      this.#payment = known !== 'PENDING' ? known : hook.label === 'failed' ? 'FAILED' : 'EXPIRED';
    if (JSON.stringify([this.#payment, this.#held.size]) !== before) this.#accepted.add(name);
  }

  // The first money settles what still wants it exactly so; any other is held. It counts once.
  #money(transaction: string): void {
    if (!UNSETTLED.has(this.#payment)) {
      if (this.#traits.paysAgain && transaction !== this.#main) this.#held.add(transaction);
      return;
    }
    this.#main = transaction;
    this.#capturedMinor = this.#pays.amountMinor;
    const { misfit } = this.#pays;
    // Other money first, then why the order takes none, then how much it is.
    const closed = { ISSUED: null, EXPIRED: 'LATE_AFTER_EXPIRY', CANCELLED: 'ORDER_CANCELLED' }[this.#order];
    this.#reason = misfit === 'CURRENCY' ? misfit : closed === undefined ? 'SECOND_SUCCESS' : (closed ?? misfit);
    const settles = this.#reason === null;
    this.#payment = settles ? 'PAID' : 'UNDER_REVIEW';
    if (settles) this.#order = 'PAID';
  }

  #poll(): void {
    if (UNSETTLED.has(this.#payment)) {
      const { status, transactions } = this.vendor;
      if (status === 'PAID') {
        this.#money(transactions[0]!);
        for (const other of transactions.slice(1)) this.#money(other);
      } else if (this.#payment === 'PENDING' && status !== 'PENDING') this.#payment = status;
      else if (this.#payment === 'PENDING' && this.#overdue) this.#payment = 'EXPIRED';
    }
    if (this.#open) this.#followRefund(this.#open);
  }

  #followRefund(open: { readonly id: string; readonly amountMinor: bigint; sent: boolean }): void {
    if (!open.sent) {
      open.sent = true;
      this.vendor.refund(open.id, open.amountMinor);
    }
    this.#refundTold();
  }

  #refundTold(): void {
    if (this.#open && this.vendor.refunds.get(this.#open.id)?.state === 'DONE') this.#wentBack(this.#open.amountMinor);
  }

  // What is settled goes back in parts; what is held as a whole, sent by a job. One at a time, and never more than there is.
  #askRefund(key: string): void {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    if (this.#open) return;
    if (this.#payment === 'UNDER_REVIEW') this.#open = { id: key, amountMinor: this.#capturedMinor, sent: false };
    if (this.#payment !== 'PAID' && this.#payment !== 'PARTIALLY_REFUNDED') return;
    this.#open = { id: key, amountMinor: partOf(this.#capturedMinor - this.#refundedMinor), sent: false };
    this.#followRefund(this.#open);
  }

  #wentBack(amountMinor: bigint): void {
    const wasHeld = this.#payment === 'UNDER_REVIEW';
    this.#open = null;
    this.#refundedMinor += amountMinor;
    this.#payment = this.#refundedMinor === this.#capturedMinor ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
    // What was paid on top of the price went to the gateway, and is the last to go back.
    if (!wasHeld) this.#order = this.#refundedMinor >= PRICE_MINOR ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
  }
}

export function partOf(leftMinor: bigint): bigint {
  return leftMinor < REFUND_MINOR ? leftMinor : REFUND_MINOR;
}
