import type { GatewayConnection, RefundInput } from '../../src/integrations/contract.ts';
import type { FawaterkAccount, Simulators } from './simulators.ts';

/** A shop at the simulated Fawaterk whose invoices can be refunded. */
export const CREDENTIALS = {
  API_KEY: 'fwk_api_refunds',
  VENDOR_KEY: 'fwk_vendor_refunds',
  CLIENT_ID: '9d4e2c1a-b3f5-4e8a-9c1d-2a3b4c5d6e7f',
  CLIENT_SECRET: 'fwk_client_secret_refunds',
};

export const PAYMENT_ID = '0197c0de-0000-7000-8000-000000000001';
export const REFUND_ID = '0197c0de-0000-7000-8000-0000000000aa';
export const OTHER_REFUND_ID = '0197c0de-0000-7000-8000-0000000000bb';

export function registerShop(simulators: Simulators, more: Partial<FawaterkAccount> = {}): Promise<void> {
  return simulators.registerFawaterk({
    account: 'shop',
    apiKey: CREDENTIALS.API_KEY,
    vendorKey: CREDENTIALS.VENDOR_KEY,
    clientId: CREDENTIALS.CLIENT_ID,
    clientSecret: CREDENTIALS.CLIENT_SECRET,
    retryDelaysMs: [20, 20],
    ...more,
  });
}

export function connectionTo(simulators: Simulators): GatewayConnection {
  return { baseUrl: simulators.fawaterkUrl, testMode: true, credentials: CREDENTIALS };
}

/** EGP 150.00, paid, straight through the vendor's own interface. @returns the invoice id */
export async function paidInvoice(simulators: Simulators, currency = 'EGP'): Promise<string> {
  const answer = await fetch(`${simulators.fawaterkUrl}/invoiceInitPay`, {
    method: 'POST',
    headers: { authorization: `Bearer ${CREDENTIALS.API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      payment_method_id: 2,
      cartTotal: '150.00',
      currency,
      customer: { first_name: 'Mona', last_name: 'Adel' },
      cartItems: [{ name: 'Tea', price: '75.00', quantity: '2' }],
      payLoad: { payment_id: PAYMENT_ID },
    }),
  });
  const { data } = (await answer.json()) as { data: { invoice_id: number; payment_data: { redirectTo: string } } };
  await simulators.act(data.payment_data.redirectTo, 'pay');
  return String(data.invoice_id);
}

export function refundInput(invoice: string, changes: Partial<RefundInput> = {}): RefundInput {
  return {
    gatewayReference: invoice,
    gatewayKey: null,
    paymentId: PAYMENT_ID,
    refundId: REFUND_ID,
    amountMinor: 5_000n,
    currencyCode: 'EGP',
    reason: 'The tea was cold',
    refundedBeforeMinor: 0n,
    paymentCreatedAt: new Date(),
    ...changes,
  };
}
