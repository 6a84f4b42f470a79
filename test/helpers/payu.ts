import type { InitiateInput } from '../../src/integrations/contract.ts';
import { simulatePayu } from '../../src/integrations/payu/simulator.ts';
import { startSandbox, type SandboxOptions } from './sandbox.ts';

/** Key and salt of the computed vectors (payment-gateways.md 3.3 to 3.5). */
export const MERCHANT = { merchantKey: 'gtTest1', salt: 'sAlTsAlT0123456789' };

export const CREDENTIALS = { MERCHANT_KEY: MERCHANT.merchantKey, SALT: MERCHANT.salt };

export const PAYMENT = '0197c0de-0000-7000-8000-000000000001';

/** A payment the vendor takes. */
export function payuOrder(changes: Partial<InitiateInput> = {}): InitiateInput {
  return {
    paymentId: PAYMENT,
    orderNumber: 'ORD-000001',
    methodId: 'payu',
    methodName: 'PayU',
    amountMinor: 49_900n,
    currencyCode: 'INR',
    customer: { firstName: " Åsha O'Neill", lastName: 'Rao', email: 'asha+1@example.com', phone: '+91 98000-00001' },
    items: [{ name: 'Tea | cups', quantity: 2, unitPriceMinor: 24_950n }],
    returnUrls: { success: 'http://localhost/ok', failure: 'http://localhost/no', pending: 'http://localhost/wait' },
    webhookUrl: 'http://localhost:9/payu',
    locale: 'en',
    ...changes,
  };
}

export interface BookPayment {
  readonly txnid: string;
  readonly mihpayid: string;
  readonly status: string;
  readonly unmappedstatus: string;
  readonly amount: string;
  readonly additionalCharges: string;
  readonly refunds: readonly {
    readonly requestId: string;
    readonly action: string;
    readonly token: string;
    readonly amount: string;
    readonly status: string;
  }[];
}

export type PageAction = 'pay' | 'fail' | 'expire';

export interface Pressed {
  readonly status: string;
  readonly txnid: string;
  readonly mihpayid: string;
  readonly outcome?: string;
  /** What the buyer's browser posts now. */
  readonly form?: { readonly action: string; readonly fields: Readonly<Record<string, string>> };
}

/** The simulated PayU in this process. */
export async function startPayu(options: SandboxOptions = {}) {
  const sandbox = await startSandbox('payu', simulatePayu, options);
  return {
    ...sandbox,
    register: (more: Record<string, unknown> = {}, account = 'shop') =>
      sandbox.register({ ...MERCHANT, retryDelaysMs: [20, 20], ...more }, account),
    book: (account?: string) => sandbox.book<BookPayment>(account),
    act: async (page: string, action: PageAction) => (await sandbox.press(page, action)) as Pressed,
    /** The bank's word on a refund that waits for it. */
    bank: async (requestId: string, action: 'succeed' | 'refuse') =>
      (await sandbox.press(`${sandbox.baseUrl}/bank/${requestId}`, action)) as { status: string; outcome?: string },
  };
}
