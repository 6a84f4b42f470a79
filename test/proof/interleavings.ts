import type { Actor } from '../../src/access.ts';
import type { App, Context } from '../../src/context.ts';
import { AppError } from '../../src/errors.ts';
import { createContext } from '../../src/request.ts';
import { settleNow } from '../../src/resolvers/gateway-transaction.ts';
import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { cancelOrder } from '../../src/resolvers/order.ts';
import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { resolvePaymentReview } from '../../src/resolvers/payment.ts';
import { pollRefund } from '../../src/resolvers/refund-poll.ts';
import { refundPayment } from '../../src/resolvers/refund.ts';
import { receiveWebhook } from '../../src/webhooks.ts';
import type { TestApp } from '../helpers/app.ts';
import type { Shop } from '../helpers/shop.ts';
import { canComeAgain, nameOf, NOTHING, PRICE_MINOR, script, Vendor } from './alphabet.ts';
import type { Action, Event, Mood, Script, Start } from './alphabet.ts';
import { amountAt, Expectation, type End } from './expectation.ts';
import type { GatewayEntry, HookWriter } from './gateway-entries.ts';
import { makeAnother, makePending, type PendingPayment } from './pending-payments.ts';
import { withVendors, type AtVendor } from './vendor-gateways.ts';

/** A history to play from a state. */
export interface Story {
  readonly start: Start;
  readonly mood: Mood;
  readonly events: readonly Event[];
  /** All at once instead of one after the other. */
  readonly atOnce?: boolean;
}

export interface Played {
  readonly story: Story;
  readonly ended: End;
  readonly expected: End;
  /** In a sentence what is wrong; null where all is well. */
  readonly wrong: string | null;
  /** All that what comes next may depend on (explore.ts). */
  readonly key: string;
}

interface Case extends PendingPayment, AtVendor {
  readonly story: Story;
  readonly accepted: Set<string>;
  last: Script;
}

/** Plays stories through the real verbs on the real database, many side by side; only the vendors' answers are made in this process. */
export class Interleavings {
  readonly entry: GatewayEntry;
  readonly #world: TestApp;
  readonly #shop: Shop;
  readonly #write: HookWriter;
  readonly #app: App;
  readonly #known = new Map<string, AtVendor>();
  readonly #actor: Actor;
  #names = 0;

  private constructor(world: TestApp, entry: GatewayEntry, shop: Shop, write: HookWriter) {
    this.#world = world;
    this.entry = entry;
    this.#shop = shop;
    this.#write = write;
    this.#app = withVendors(world.app, entry, this.#known);
    const { tenantId } = shop;
    const nobody = '00000000-0000-4000-8000-00000000c0de';
    const person = { userId: nobody, sessionId: nobody, keyId: null, expiresAtMs: Number.MAX_SAFE_INTEGER };
    this.#actor = { kind: 'OPERATOR', tenantId, homeTenantId: tenantId, ...person };
  }

  static async open(world: TestApp, entry: GatewayEntry): Promise<Interleavings> {
    const { shop, write } = await entry.open(world);
    return new Interleavings(world, entry, shop, write);
  }

  async run(stories: readonly Story[], sideBySide = 8): Promise<Played[]> {
    const pending = await makePending(this.#world, this.#shop, stories.length, this.entry.pending);
    const cases = pending.map((payment, index) => this.#caseOf(payment, stories[index]!));
    const waiting = [...cases];
    const work = async (): Promise<void> => {
      for (let one = waiting.pop(); one; one = waiting.pop()) await this.#play(one);
    };
    await Promise.all(Array.from({ length: sideBySide }, work));
    const played = await this.#judge(cases);
    for (const { reference } of cases) this.#known.delete(reference);
    return played;
  }

  #caseOf(payment: PendingPayment, story: Story): Case {
    this.#names += 1;
    const vendor = new Vendor(this.entry.traits, amountAt(story.start), String(1_000_000 + this.#names));
    const one = { ...payment, story, vendor, sent: new Set<string>(), accepted: new Set<string>(), last: NOTHING };
    this.#known.set(payment.reference, one);
    return one;
  }

  async #play(one: Case): Promise<void> {
    const { start, mood, events, atOnce } = one.story;
    await this.#begin(one, start);
    if (atOnce) {
      // The vendor's truth turns first; then all that comes of it reaches us together.
      const scripts = events.map((event) => (one.last = script(one.vendor, event, mood, one.last)));
      await Promise.all(scripts.flatMap(({ now }) => now).map((action) => this.#act(one, action)));
      return this.#close(one);
    }
    for (const event of events) {
      one.last = script(one.vendor, event, mood, one.last);
      for (const action of one.last.now) await this.#act(one, action);
    }
  }

  // What waits at the vendor is carried out, and told twice while somebody asks, so that nothing is left to be known.
  async #close(one: Case): Promise<void> {
    const approved = one.vendor.approve();
    const hook = { label: 'refund', transaction: one.vendor.newTransaction(), genuine: true } as const;
    const told = approved && ({ kind: 'deliver', hook: { ...hook, amountMinor: approved.amountMinor } } as const);
    const poll = { kind: 'poll' } as const;
    await Promise.all([poll, ...(told ? [told, told] : []), poll].map((action) => this.#act(one, action)));
  }

  async #begin(one: Case, start: Start): Promise<void> {
    const { scope } = this.#shop;
    const { paymentId, orderId } = one;
    const settled = (id: string, fact: object) =>
      settleNow(this.#app, scope, {
        paymentId: id,
        claim: null,
        fact: { status: 'PAID', amountMinor: PRICE_MINOR, currencyCode: this.entry.pending.currencyCode, ...fact },
        amountRule: 'EQUAL',
      });
    switch (start) {
      case 'PENDING':
        return;
      case 'FAILED':
      case 'EXPIRED': {
        const fact = { status: 'PENDING', amountMinor: null, currencyCode: null } as const;
        const news = { paymentId, claim: { kind: start }, fact, amountRule: 'EQUAL' } as const;
        await settleNow(this.#app, scope, news);
        return;
      }
      case 'ORDER_CANCELLED':
        return this.#asOperator((ctx) => cancelOrder(ctx, { orderId: this.#shop.node('Order', orderId) }));
      case 'ORDER_EXPIRED':
        await this.#world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [orderId]);
        return expireOrder(this.#app, scope, orderId);
      case 'PAID_OTHERWISE':
        await settled(await makeAnother(this.#world, orderId, this.entry.pending.gateway), {});
        return;
      default: {
        const transaction = one.vendor.pay();
        const key = this.entry.traits.namesAttempts ? { gatewayKey: transaction } : {};
        await settled(paymentId, { ...key, amountMinor: one.vendor.amountMinor });
        const parts = start === 'REFUNDED' ? 2 : start === 'PARTIALLY_REFUNDED' ? 1 : 0;
        for (let part = 0; part < parts; part += 1) await this.#givenBack(one, `part ${part}`);
      }
    }
  }

  async #givenBack(one: Case, key: string): Promise<void> {
    await this.#askRefund(one, key);
    one.vendor.approve();
    await this.#pollRefunds({ ...one, story: { ...one.story, atOnce: false } });
  }

  async #act(one: Case, action: Action): Promise<void> {
    switch (action.kind) {
      case 'deliver': {
        const incoming = this.#write(one, action.hook);
        if (action.hook.genuine) one.sent.add(Buffer.from(incoming.body).toString('latin1'));
        const { body } = await receiveWebhook(this.#app, this.entry.slug, this.#shop.account, incoming);
        if (body['verdict'] === 'ACCEPTED') one.accepted.add(nameOf(this.entry.traits, action.hook));
        return;
      }
      case 'askRefund':
        return this.#askRefund(one, action.key);
      case 'timeOver':
        await this.#world.owner("update payments set expires_at = now() - interval '1 second' where id = $1", [
          one.paymentId,
        ]);
        return;
      case 'poll':
        // Brought forward, as a clock would.
        await this.#world.owner('update payments set next_poll_at = now() where id = $1', [one.paymentId]);
        await pollPayment(this.#app, this.#shop.scope, one.paymentId);
        await this.#pollRefunds(one);
    }
  }

  // At once, the lease of whoever asks is respected: brought forward, two would ask at a time.
  async #pollRefunds({ paymentId, story }: Case): Promise<void> {
    const due = await this.#world.owner<{ id: string }>(
      story.atOnce
        ? "select id from refunds where payment_id = $1 and status = 'REQUESTED'"
        : "update refunds set next_poll_at = now() - interval '1 second' where payment_id = $1 and status = 'REQUESTED' returning id",
      [paymentId],
    );
    for (const { id } of due) await pollRefund(this.#app, this.#shop.scope, id);
  }

  // An operator gives back what is settled, or decides so about what is held; whatever else is refused, and by a code.
  async #askRefund({ paymentId }: Case, key: string): Promise<void> {
    const id = this.#shop.node('Payment', paymentId);
    const reason = 'a proof';
    const refused = await refusal(() =>
      this.#asOperator((ctx) =>
        refundPayment(ctx, { paymentId: id, amount: '50.00', reason, idempotencyKey: `refund ${paymentId} ${key}` }),
      ),
    );
    if (refused === null) return;
    await refusal(() =>
      this.#asOperator((ctx) =>
        resolvePaymentReview(ctx, {
          paymentId: id,
          decision: 'REFUND',
          reason,
          idempotencyKey: `review ${paymentId} ${key}`,
        }),
      ),
    );
  }

  async #asOperator(work: (ctx: Context) => Promise<unknown>): Promise<void> {
    const ctx = createContext(this.#app, { actor: this.#actor, scope: this.#shop.scope }, 'proof');
    try {
      await work(ctx);
    } finally {
      ctx.reads.end();
    }
  }

  async #judge(cases: readonly Case[]): Promise<Played[]> {
    const rows = await this.#world.owner<Row>(ENDS, [cases.map(({ paymentId }) => paymentId)]);
    const found = new Map(rows.map((row) => [row.id, row]));
    return cases.map((one) => {
      const { story, vendor } = one;
      const row = found.get(one.paymentId)!;
      const expectation = new Expectation(this.entry.traits, story.start, story.mood);
      for (const event of story.events) expectation.play(event);
      const ended = endOf(row);
      const expected = expectation.end;
      const same = Object.entries(expected).every(([name, value]) => ended[name as keyof End] === value);
      const fault = story.atOnce ? lostOf(ended, one) : same ? null : 'it ended otherwise';
      return { story, ended, expected, wrong: fault ?? faultOf(ended, vendor), key: keyOf(one, row) };
    });
  }
}

/** Locks taken in another order than the global one end here; a transaction that is tried again would hide them. */
export async function deadlocks(world: TestApp): Promise<number> {
  await world.owner('select pg_stat_clear_snapshot()');
  const [row] = await world.owner<{ count: number }>(
    'select deadlocks::int as count from pg_stat_database where datname = current_database()',
  );
  return row!.count;
}

// Whatever happened, in whatever order.
function faultOf(ended: End, vendor: Vendor): string | null {
  if (vendor.askedTwice) return 'the vendor was asked for one refund twice';
  if (ended.refundedMinor > vendor.givenBackMinor) return 'more is booked as given back than the vendor gave';
  if (vendor.givenBackMinor > ended.capturedMinor) return 'the vendor gave back more than came';
  const there = BigInt(vendor.transactions.length) * vendor.amountMinor;
  const here = ended.capturedMinor + BigInt(ended.held) * vendor.amountMinor;
  return here > there ? 'more is booked than the vendor took' : null;
}

// At once nobody can say which came first; but in the end all that happened there is known here.
function lostOf(ended: End, { vendor, story }: Case): string | null {
  if (ended.refundedMinor !== vendor.givenBackMinor) return 'not all that went back is booked';
  const known = ended.held + (ended.capturedMinor > 0n ? 1 : 0);
  return story.mood === 'TOLD' && known !== vendor.transactions.length ? 'not all that was paid is booked' : null;
}

async function refusal(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_STATE') return error.code;
    throw error;
  }
}

interface Row {
  readonly id: string;
  readonly payment: string;
  readonly order: string;
  readonly captured: string;
  readonly refunded: string;
  readonly open: number;
  readonly held: number;
  readonly reason: string | null;
  readonly rest: unknown;
}

const ENDS = `select p.id, p.status as payment, o.status as order, p.captured_minor as captured, p.refunded_minor as refunded, p.review_reason as reason,
    (select count(*)::int from refunds r where r.tenant_id = p.tenant_id and r.payment_id = p.id and r.status = 'REQUESTED') as open,
    (select count(*)::int from payments h where h.tenant_id = p.tenant_id and h.order_id = p.order_id and h.id <> p.id
       and h.gateway = p.gateway and h.status = 'UNDER_REVIEW') as held,
    jsonb_build_array(o.payment_status, o.paid_minor, o.refunded_minor, p.settled_minor, p.credit_minor, p.review_reason, p.gateway_key,
      p.expires_at is not null, p.next_poll_at is null,
      (select jsonb_agg(jsonb_build_array(r.status, r.amount_minor, r.sent_at is null) order by r.created_at, r.id) from refunds r
         where r.tenant_id = p.tenant_id and r.payment_id = p.id),
      (select jsonb_agg(distinct i.reason) from inquiries i where i.tenant_id = p.tenant_id and i.about_id = p.id)) as rest
  from payments p join orders o on o.tenant_id = p.tenant_id and o.id = p.order_id where p.id = any($1::uuid[])`;

function endOf(row: Row): End {
  return {
    payment: row.payment,
    order: row.order,
    capturedMinor: BigInt(row.captured),
    refundedMinor: BigInt(row.refunded),
    refundOpen: row.open > 0,
    held: row.held,
    reason: row.reason,
  };
}

/**
 * All that what comes next may depend on: the rows, the vendor's truth, which deliveries moved something, and what "the last event again"
 * means. Names count by their places only. Left out by argument: how often somebody asked (it only moves when to ask next, and the poll
 * here is brought forward; six events stay below the eight after which a payment given up is left alone), times, how many second
 * successes are held beyond two (nothing looks at one but to tell it from another; so of the vendor's transactions the first two and the last count), and where it began (it is in the rows or it is nowhere).
 */
function keyOf({ vendor, accepted, last, story }: Case, row: Row): string {
  const { status, transactions, refunds, traits } = vendor;
  const seen = [...accepted].filter((name) => canComeAgain(traits, name, last)).toSorted();
  const ours = [row.payment, row.order, row.captured, row.refunded, Math.min(row.held, 2), row.rest];
  const requests = [...refunds.values()].map(({ amountMinor, state }) => [amountMinor, state]);
  const known = transactions.length > 3 ? [...transactions.slice(0, 2), transactions.at(-1)] : transactions;
  const theirs = [status, known, requests, last.again, seen];
  const text = JSON.stringify([story.mood, ours, theirs], (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const places = new Map<string, string>();
  return text.replaceAll(/\b1\d{9}\b/g, (name) => {
    if (!places.has(name)) places.set(name, `#${places.size}`);
    return places.get(name)!;
  });
}
