import type { App } from '../../src/context.ts';
import type { GatewayFact } from '../../src/domain/payment.ts';
import type { GatewayPaymentState, Outcome } from '../../src/integrations/contract.ts';
import { createContext } from '../../src/request.ts';
import { settleNow } from '../../src/resolvers/gateway-transaction.ts';
import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { cancelOrder } from '../../src/resolvers/order.ts';
import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { receiveWebhook } from '../../src/webhooks.ts';
import type { TestApp } from '../helpers/app.ts';
import type { HookKind, Shop } from '../helpers/shop.ts';
import type { BookInvoice } from '../helpers/simulators.ts';
import { makeAnother, makePending } from './pending-payments.ts';

/** Six deliveries about one payment in some order, from some state, while at the gateway the truth turns at some moment (COM-7). */
export interface Sequence {
  readonly start: Start;
  readonly deliveries: readonly HookKind[];
  /** Before which delivery the truth turns, and into what; after all of them only asking finds out. Null: never. */
  readonly turn: { readonly at: number; readonly into: 'PAID' | 'EXPIRED' } | null;
  /** All at once instead of one after the other. */
  readonly atOnce?: boolean;
}

/** States of payment and order in which deliveries may find them. */
export const STARTS = [
  'PENDING',
  'FAILED',
  'EXPIRED',
  'ORDER_CANCELLED',
  'ORDER_EXPIRED',
  'PAID_OTHERWISE',
  'PAID',
  'UNDER_REVIEW',
] as const;
export type Start = (typeof STARTS)[number];

const KINDS: readonly HookKind[] = ['paid', 'failed', 'cancel'];
const PAID_AT = Array.from({ length: 7 }, (_, at) => ({ at, into: 'PAID' as const }));
const TURNS: readonly Sequence['turn'][] = [null, ...PAID_AT, { at: 0, into: 'EXPIRED' }, { at: 3, into: 'EXPIRED' }];
const TURNS_AFTER_AN_END: readonly Sequence['turn'][] = [
  null,
  PAID_AT[0]!,
  PAID_AT[3]!,
  PAID_AT[6]!,
  { at: 0, into: 'EXPIRED' },
];

/** When the truth may turn: at every moment where a payment is open, at some where nothing but money can move it any more. */
export function turnsFor(start: Start): readonly Sequence['turn'][] {
  return start === 'PENDING' || start === 'PAID_OTHERWISE' ? TURNS : TURNS_AFTER_AN_END;
}

/** Every order of six of the three hooks, duplicates included. What is shorter is the beginning of one of these. */
export function* everyOrder(length = 6): Generator<HookKind[]> {
  if (length === 0) return yield [];
  for (const rest of everyOrder(length - 1)) for (const kind of KINDS) yield [...rest, kind];
}

/** Where payment and order must end, by the rules as COM-5 and COM-7 say them: written without the reducer. */
export function expectedEnd({ start, deliveries, turn }: Sequence): { payment: string; order: string } {
  if (start === 'PAID') return { payment: 'PAID', order: 'PAID' };
  if (start === 'UNDER_REVIEW') return { payment: 'UNDER_REVIEW', order: 'ISSUED' };
  const order =
    { ORDER_CANCELLED: 'CANCELLED', ORDER_EXPIRED: 'EXPIRED', PAID_OTHERWISE: 'PAID' }[start as string] ?? 'ISSUED';
  if (turn?.into === 'PAID')
    return order === 'ISSUED' ? { payment: 'PAID', order: 'PAID' } : { payment: 'UNDER_REVIEW', order };
  if (start === 'FAILED' || start === 'EXPIRED') return { payment: start, order };
  if (order !== 'ISSUED' && start !== 'PAID_OTHERWISE') return { payment: 'CANCELLED', order };
  // Nothing was paid: the first word of an end counts, and what the gateway itself says by then counts more.
  const at = deliveries.findIndex((kind) => kind !== 'paid');
  if (turn !== null && (at < 0 || turn.at <= at)) return { payment: 'EXPIRED', order };
  if (at < 0) return { payment: 'PENDING', order };
  return { payment: deliveries[at] === 'failed' ? 'FAILED' : 'EXPIRED', order };
}

interface Case {
  readonly sequence: Sequence;
  readonly paymentId: string;
  readonly orderId: string;
  readonly invoice: BookInvoice;
}

const PRICE_MINOR = 10_000n;
const AS_FAWATERK = {
  gateway: 'FAWATERK',
  methodId: '2',
  currencyCode: 'EGP',
  reference: (_id: string, n: number) => String(n),
};

/** Runs sequences over the real database, many side by side; the gateway is a table of truths in this process. */
export class SequenceRunner {
  readonly #world: TestApp;
  readonly #shop: Shop;
  readonly #app: App;
  readonly #truths = new Map<string, GatewayFact['status']>();

  constructor(world: TestApp, shop: Shop) {
    this.#world = world;
    this.#shop = shop;
    const lookUp = async (
      _gateway: unknown,
      _connection: unknown,
      reference: string,
    ): Promise<Outcome<GatewayPaymentState>> => ({
      kind: 'done',
      value: {
        gatewayReference: reference,
        status: this.#truths.get(reference) ?? 'PENDING',
        amountMinor: PRICE_MINOR,
        currencyCode: 'EGP',
        paidAt: null,
        paymentId: null,
        methodName: null,
      },
    });
    const gateways = new Proxy(world.app.gateways, {
      get: (target, name) => {
        if (name === 'lookUp') return lookUp;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    this.#app = { ...world.app, gateways };
  }

  /** @returns those that ended otherwise than they must, with where they ended */
  async run(
    sequences: readonly Sequence[],
    sideBySide = 6,
  ): Promise<{ sequence: Sequence; ended: object; expected: object }[]> {
    const cases = await this.#prepare(sequences);
    const waiting = [...cases];
    const work = async (): Promise<void> => {
      for (let one = waiting.pop(); one; one = waiting.pop()) await this.#play(one);
    };
    await Promise.all(Array.from({ length: sideBySide }, work));
    const rows = await this.#world.owner<{ id: string; payment: string; order: string }>(
      `select p.id, p.status as payment, o.status as order from payments p join orders o on o.tenant_id = p.tenant_id and o.id = p.order_id where p.id = any($1::uuid[])`,
      [cases.map(({ paymentId }) => paymentId)],
    );
    const ends = new Map(rows.map(({ id, ...end }) => [id, end]));
    return cases.flatMap(({ sequence, paymentId }) => {
      const [ended, expected] = [ends.get(paymentId)!, expectedEnd(sequence)];
      return ended.payment === expected.payment && ended.order === expected.order
        ? []
        : [{ sequence, ended, expected }];
    });
  }

  async #prepare(sequences: readonly Sequence[]): Promise<Case[]> {
    const pending = await makePending(this.#world, this.#shop, sequences.length, AS_FAWATERK);
    return pending.map(({ paymentId, orderId, reference }, index): Case => {
      const invoice = {
        invoiceId: Number(reference),
        invoiceKey: `key${reference}`,
        method: 'Visa-Mastercard',
        payLoad: { payment_id: paymentId },
        code: null,
        total: '100.00',
        currency: 'EGP',
      };
      return { sequence: sequences[index]!, paymentId, orderId, invoice: invoice as unknown as BookInvoice };
    });
  }

  async #play({ sequence, paymentId, orderId, invoice }: Case): Promise<void> {
    await this.#begin(sequence.start, paymentId, orderId);
    const reference = String(invoice.invoiceId);
    const deliver = async (kind: HookKind): Promise<void> => {
      const { headers, body } = this.#shop.hook(kind, invoice);
      await receiveWebhook(this.#app, 'fawaterk', this.#shop.account, { headers, body: Buffer.from(body) });
    };
    const turnBefore = (at: number): void => {
      if (sequence.turn?.at === at) this.#truths.set(reference, sequence.turn.into);
    };
    if (sequence.atOnce) {
      turnBefore(sequence.turn?.at ?? -1);
      await Promise.all(sequence.deliveries.map(deliver));
    } else {
      for (const [at, kind] of sequence.deliveries.entries()) {
        turnBefore(at);
        await deliver(kind);
      }
      turnBefore(sequence.deliveries.length);
    }
    // Whatever the deliveries left open, asking closes (COM-9).
    await this.#world.owner('update payments set next_poll_at = now() where id = $1', [paymentId]);
    await pollPayment(this.#app, this.#shop.scope, paymentId);
    this.#truths.delete(reference);
  }

  async #begin(start: Start, paymentId: string, orderId: string): Promise<void> {
    const told = (claim: 'FAILED' | 'EXPIRED') =>
      ({
        paymentId,
        claim: { kind: claim },
        fact: { status: 'PENDING', amountMinor: null, currencyCode: null },
        amountRule: 'EQUAL',
      }) as const;
    const paid = (id: string, amountMinor: bigint) =>
      ({
        paymentId: id,
        claim: null,
        fact: { status: 'PAID', amountMinor, currencyCode: 'EGP' },
        amountRule: 'EQUAL',
      }) as const;
    const { scope } = this.#shop;
    switch (start) {
      case 'PENDING':
        return;
      case 'FAILED':
      case 'EXPIRED':
        return void (await settleNow(this.#app, scope, told(start)));
      case 'PAID':
        return void (await settleNow(this.#app, scope, paid(paymentId, PRICE_MINOR)));
      case 'UNDER_REVIEW':
        return void (await settleNow(this.#app, scope, paid(paymentId, PRICE_MINOR + 1n)));
      case 'PAID_OTHERWISE':
        return void (await settleNow(
          this.#app,
          scope,
          paid(await makeAnother(this.#world, orderId, 'FAWATERK'), PRICE_MINOR),
        ));
      case 'ORDER_CANCELLED': {
        const actor = {
          kind: 'PARTNER',
          tenantId: scope.tenantId,
          keyId: paymentId,
          scopes: ['orders:write'],
        } as const;
        await cancelOrder(createContext(this.#app, { actor, scope }, 'sequences'), {
          orderId: this.#shop.node('Order', orderId),
        });
        return;
      }
      case 'ORDER_EXPIRED':
        await this.#world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [orderId]);
        await expireOrder(this.#app, scope, orderId);
    }
  }
}
