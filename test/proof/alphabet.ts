/**
 * What can happen to one payment, told apart from how it is carried out: six events, three moods of the gateway, ten states to begin in.
 * The same script of actions is carried out by the domain's decisions (reducer-world.ts), by the real verbs on the real database
 * (interleavings.ts), and by the rules as the requirements say them (expectation.ts), each with a vendor of its own.
 */
export const EVENTS = ['paid', 'failed', 'expired', 'refund', 'duplicate', 'poll'] as const;
export type Event = (typeof EVENTS)[number];

/** TOLD: what happens at the gateway is told at once. LOST: its word of money is late or lost. LIES: what says paid is not true. */
export const MOODS = ['TOLD', 'LOST', 'LIES'] as const;
export type Mood = (typeof MOODS)[number];

/** States of payment and order. UNPAID is none: it is never seen outside the transaction that makes a payment. */
export const STARTS = [
  'PENDING',
  'FAILED',
  'EXPIRED',
  'ORDER_CANCELLED',
  'ORDER_EXPIRED',
  'PAID_OTHERWISE',
  'PAID',
  'UNDER_REVIEW',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
] as const;
export type Start = (typeof STARTS)[number];

/** How a gateway differs from another in what it does, not in how it writes. */
export interface Traits {
  /** It is asked whether a delivery is its own word, instead of how the payment stands. */
  readonly confirms: boolean;
  /** Its page can be paid again, and each time is a transaction of its own there. */
  readonly paysAgain: boolean;
  /** Each attempt has a name there, which its deliveries bear. */
  readonly namesAttempts: boolean;
  /** An attempt that failed ends the payment there; elsewhere its page stays open. */
  readonly failureEnds: boolean;
  /** A refund is done when it is asked for, or later and told by a hook. */
  readonly refunds: 'AT_ONCE' | 'BY_HOOK';
  /** The end of the time to pay is told by a hook, or known by our own clock. */
  readonly expires: 'BY_HOOK' | 'BY_CLOCK';
}

export interface Hook {
  readonly label: 'paid' | 'failed' | 'expired' | 'refund';
  /** The gateway's id of the attempt. */
  readonly transaction: string;
  readonly amountMinor: bigint;
  /** The gateway sent it; else somebody who knows the secret did. */
  readonly genuine: boolean;
}

/** What somebody does to our side. `key` is the same where an operator's request is repeated. */
export type Action =
  | { readonly kind: 'deliver'; readonly hook: Hook }
  | { readonly kind: 'askRefund'; readonly key: string }
  | { readonly kind: 'timeOver' }
  | { readonly kind: 'poll' };

export const PRICE_MINOR = 10_000n;
/** What an operator gives back of a settled payment at a time: twice is all of it. */
export const REFUND_MINOR = 5_000n;

interface VendorRefund {
  readonly amountMinor: bigint;
  state: 'REQUESTED' | 'DONE';
}

/** The gateway's own truth about one payment. */
export class Vendor {
  readonly traits: Traits;
  /** What its customer pays. */
  readonly amountMinor: bigint;
  status: 'PENDING' | 'PAID' | 'FAILED' | 'EXPIRED' = 'PENDING';
  readonly transactions: string[] = [];
  readonly refunds = new Map<string, VendorRefund>();
  /** It was asked for the same refund again, although it has it. */
  askedTwice = false;
  #made = 0;
  readonly #name: string;

  /** @param name begins the names of its transactions: digits, unique where several share a tenant */
  constructor(traits: Traits, amountMinor: bigint, name = 't') {
    this.traits = traits;
    this.amountMinor = amountMinor;
    this.#name = name;
  }

  newTransaction(): string {
    this.#made += 1;
    return `${this.#name}${String(this.#made).padStart(3, '0')}`;
  }

  pay(): string {
    this.status = 'PAID';
    const [first] = this.transactions;
    if (first !== undefined && !this.traits.paysAgain) return first;
    const transaction = this.newTransaction();
    this.transactions.push(transaction);
    return transaction;
  }

  refund(id: string, amountMinor: bigint): 'DONE' | 'REQUESTED' {
    if (this.refunds.has(id)) this.askedTwice = true;
    const state = this.traits.refunds === 'AT_ONCE' ? 'DONE' : 'REQUESTED';
    this.refunds.set(id, { amountMinor, state });
    return state;
  }

  /** Its people carry out what waits. */
  approve(): VendorRefund | null {
    const waiting = [...this.refunds.values()].find(({ state }) => state === 'REQUESTED');
    if (!waiting) return null;
    waiting.state = 'DONE';
    return waiting;
  }

  get givenBackMinor(): bigint {
    return [...this.refunds.values()].reduce((sum, one) => (one.state === 'DONE' ? sum + one.amountMinor : sum), 0n);
  }
}

/** Deliveries of one name tell the same: once one of them moved something, the others are not looked at again. */
export function nameOf(traits: Traits, { label, transaction }: Hook): string {
  return traits.namesAttempts ? `${label} ${transaction}` : label;
}

/** Whether a delivery of this name can come again: the last one, one that names no attempt, and of a page that is paid once its payment. */
export function canComeAgain(traits: Traits, name: string, last: Script): boolean {
  const again = last.again.some((action) => action.kind === 'deliver' && nameOf(traits, action.hook) === name);
  return again || !traits.namesAttempts || (!traits.paysAgain && name.startsWith('paid '));
}

/** What to do now, and what "the last event again" means from here on. */
export interface Script {
  readonly now: readonly Action[];
  readonly again: readonly Action[];
}

export const NOTHING: Script = { now: [], again: [] };

/** Turns the vendor's truth by one event, and says what reaches us of it. */
export function script(vendor: Vendor, event: Event, mood: Mood, last: Script): Script {
  const told = (...actions: Action[]): Script => ({ now: actions, again: actions });
  const late = (...actions: Action[]): Script => ({ now: mood === 'LOST' ? [] : actions, again: actions });
  const deliver = (label: Hook['label'], more: Partial<Hook> = {}): Action => {
    const transaction = more.transaction ?? vendor.newTransaction();
    return { kind: 'deliver', hook: { label, amountMinor: vendor.amountMinor, genuine: true, ...more, transaction } };
  };
  switch (event) {
    case 'paid':
      return mood === 'LIES'
        ? told(deliver('paid', { genuine: false }))
        : late(deliver('paid', { transaction: vendor.pay() }));
    case 'failed':
      if (vendor.status === 'PENDING' && vendor.traits.failureEnds) vendor.status = 'FAILED';
      return told(deliver('failed'));
    case 'expired':
      if (vendor.traits.expires === 'BY_CLOCK')
        return { now: [{ kind: 'timeOver' }, { kind: 'poll' }], again: [{ kind: 'poll' }] };
      if (vendor.status !== 'PAID') vendor.status = 'EXPIRED';
      return told(deliver('expired'));
    case 'refund': {
      const approved = vendor.approve();
      if (approved) return late(deliver('refund', { amountMinor: approved.amountMinor }));
      const asked: Action = { kind: 'askRefund', key: vendor.newTransaction() };
      // One that nobody asked for comes, too: somebody worked in the vendor's own dashboard, or forged it.
      const foreign = vendor.traits.refunds === 'BY_HOOK' && vendor.status !== 'PAID';
      return foreign ? told(asked, deliver('refund', { amountMinor: REFUND_MINOR })) : told(asked);
    }
    case 'poll':
      return told({ kind: 'poll' });
    case 'duplicate':
      return { now: last.again, again: last.again };
  }
}

/** Every sequence of a length. One that begins with "the last event again" repeats nothing: it is the shorter one behind it. */
export function* everySequence(length: number): Generator<Event[]> {
  if (length === 0) return yield [];
  for (const rest of everySequence(length - 1))
    for (const event of EVENTS) if (rest.length > 0 || event !== 'duplicate') yield [...rest, event];
}

/** How many sequences of up to this length there are, those that begin with a repetition of nothing included. */
export function sequencesUpTo(length: number): number {
  return Array.from({ length }, (_, index) => EVENTS.length ** (index + 1)).reduce((sum, count) => sum + count, 0);
}
