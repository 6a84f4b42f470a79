import type { App } from '../../src/context.ts';
import type {
  GatewayPaymentState,
  GatewayRefund,
  GatewayRefundState,
  IncomingWebhook,
  LookUpHints,
  Outcome,
  RefundInput,
} from '../../src/integrations/contract.ts';
import type { Vendor } from './alphabet.ts';
import type { GatewayEntry } from './gateway-entries.ts';

/** A payment at the vendor, and what the vendor sent of it. */
export interface AtVendor {
  readonly vendor: Vendor;
  readonly sent: Set<string>;
}

const done = <T>(value: T): Outcome<T> => ({ kind: 'done', value });
const textOf = (body: Uint8Array): string => Buffer.from(body).toString('latin1');

/** The app with gateways whose answers come from vendors in this process; bodies are read and signatures checked by the real ones. */
export function withVendors(app: App, entry: GatewayEntry, known: ReadonlyMap<string, AtVendor>): App {
  const at = (reference: string): Vendor => {
    const found = known.get(reference);
    if (!found) throw new Error(`nobody knows ${reference}`);
    return found.vendor;
  };
  const answers = {
    lookUp: async (_gateway: unknown, _connection: unknown, reference: string, _ms: number, hints?: LookUpHints) =>
      done(stateOf(at(reference), entry, reference, hints?.gatewayKey ?? null)),
    confirm: (_gateway: unknown, _connection: unknown, delivery: { incoming: IncomingWebhook; claim: Claim }) =>
      entry.traits.confirms ? confirm(known, entry, delivery) : null,
    refund: async (_gateway: unknown, _connection: unknown, input: RefundInput): Promise<Outcome<GatewayRefund>> =>
      done({
        state: at(input.gatewayReference).refund(input.refundId, input.amountMinor),
        gatewayRefundReference: null,
      }),
    lookUpRefund: async (_gateway: unknown, _connection: unknown, input: RefundInput) => {
      const state = at(input.gatewayReference).refunds.get(input.refundId)?.state ?? 'NOT_FOUND';
      return done<GatewayRefundState>({ state, gatewayRefundReference: null });
    },
  };
  const gateways = new Proxy(app.gateways, {
    get: (target, name) => {
      if (name in answers) return answers[name as keyof typeof answers];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...app, gateways };
}

interface Claim {
  readonly kind: string;
  readonly gatewayReference: string | null;
  readonly amountMinor: bigint | null;
  readonly currencyCode: string | null;
}

const UNSAID = { paidAt: null, paymentId: null, methodName: null, feeMinor: null } as const;

function stateOf(
  vendor: Vendor,
  { traits, pending }: GatewayEntry,
  reference: string,
  knownKey: string | null,
): GatewayPaymentState {
  const { currencyCode } = pending;
  const { status, amountMinor, transactions } = vendor;
  const main = transactions.find((one) => one === knownKey) ?? transactions[0] ?? null;
  const others = transactions.filter((one) => one !== main);
  return {
    ...UNSAID,
    gatewayReference: reference,
    status,
    amountMinor: status === 'PAID' ? amountMinor : null,
    currencyCode: status === 'PAID' ? currencyCode : null,
    ...(traits.namesAttempts && { gatewayKey: main }),
    ...(traits.paysAgain && {
      surplus: others.map((gatewayKey) => ({ gatewayKey, amountMinor, currencyCode })),
    }),
  };
}

// What it never sent it disowns; of what it sent it says no more than the delivery does.
async function confirm(
  known: ReadonlyMap<string, AtVendor>,
  { transactionIn }: GatewayEntry,
  { incoming, claim }: { incoming: IncomingWebhook; claim: Claim },
): Promise<Outcome<GatewayPaymentState>> {
  const reference = claim.gatewayReference ?? '';
  if (!known.get(reference)?.sent.has(textOf(incoming.body)))
    return { kind: 'notDone', reason: 'rejected', detail: 'never sent' };
  const { amountMinor, currencyCode } = claim;
  return done<GatewayPaymentState>({
    ...UNSAID,
    gatewayReference: reference,
    status: claim.kind === 'PAID' ? 'PAID' : 'PENDING',
    amountMinor,
    currencyCode,
    gatewayKey: transactionIn?.(incoming.body) ?? null,
  });
}
