import type { TenantConnection } from './gateways.ts';
import type { App } from './context.ts';
import type { PaymentGateway } from './generated/prisma/enums.ts';
import type { GatewayClaim, GatewayPaymentState, IncomingWebhook, Outcome } from './integrations/contract.ts';

/** What asking back needs of a delivery. */
export interface AskedDelivery {
  readonly gateway: PaymentGateway;
  readonly connection: TenantConnection;
  readonly incoming: IncomingWebhook;
}

export interface FoundPayment {
  readonly id: string;
  readonly gatewayReference: string | null;
  readonly gatewayKey: string | null;
  readonly createdAt: Date;
  readonly capturedMinor: bigint;
  readonly referenceCode: string | null;
}

/** What the gateway said when asked back. */
export interface AskedBack {
  readonly fact: GatewayPaymentState | null;
  /** It gave no answer at all. */
  readonly silent: boolean;
  /** In a sentence, why the delivery is not about this payment or not the gateway's, whatever it says itself. */
  readonly strange: string | null;
}

const SILENT: AskedBack = { fact: null, silent: true, strange: null };

/**
 * Asks within the budget: whether the delivery is the gateway's own word, where it can be asked that, else for the payment by its own
 * reference, and only where it has none by the delivery's.
 */
export async function askBack(
  app: Pick<App, 'gateways' | 'config'>,
  delivery: AskedDelivery,
  claim: GatewayClaim,
  payment: FoundPayment,
): Promise<AskedBack> {
  const reference = payment.gatewayReference ?? claim.gatewayReference;
  if (reference === null) return SILENT;
  const { gateway, connection, incoming } = delivery;
  const budgetMs = app.config.webhookConfirmBudgetMs;
  const confirming = app.gateways.confirm(gateway, connection, { incoming, claim }, budgetMs);
  const asked: Outcome<GatewayPaymentState> = await (confirming ??
    app.gateways.lookUp(gateway, connection, reference, budgetMs, payment));
  if (asked.kind !== 'done') {
    const disowned = confirming !== null && asked.kind === 'notDone' && asked.reason === 'rejected';
    return disowned ? { ...SILENT, silent: false, strange: 'The gateway says that this is not its own word.' } : SILENT;
  }
  // Only the invoice that carries our own id is ours, when the gateway's id was not known to us yet (an orphan of a lost answer).
  const foreign = payment.gatewayReference === null && asked.value.paymentId !== payment.id;
  const strange =
    foreign && asked.value.paymentId !== null ? 'The gateway knows this invoice as another payment.' : null;
  return { fact: foreign ? null : asked.value, silent: false, strange };
}
