import { simulatePayfast } from '../../src/integrations/payfast/simulator.ts';
import { startSandbox, type SandboxOptions } from './sandbox.ts';

/** The public sandbox set of the vendor's own documentation (payment-gateways.md 2.1). */
export const SANDBOX = { merchantId: '10000100', merchantKey: '46f0cd694581a', passphrase: 'jt7NOE43FZPn' };

export const CREDENTIALS = {
  MERCHANT_ID: SANDBOX.merchantId,
  MERCHANT_KEY: SANDBOX.merchantKey,
  PASSPHRASE: SANDBOX.passphrase,
};

export interface BookPayment {
  readonly paymentId: number;
  readonly merchantPaymentId: string;
  readonly state: string;
  readonly gross: string | null;
  readonly refunded: string;
  readonly refunds: readonly { readonly amount: string; readonly reason: string }[];
}

export type PageAction = 'pay' | 'fail' | 'pending' | 'cancel';

/** The simulated PayFast in this process. */
export async function startPayfast(options: SandboxOptions = {}) {
  const sandbox = await startSandbox('payfast', simulatePayfast, options);
  return {
    ...sandbox,
    register: (more: Record<string, unknown> = {}, account = 'shop') =>
      sandbox.register({ ...SANDBOX, retryDelaysMs: [20, 20], ...more }, account),
    book: (account?: string) => sandbox.book<BookPayment>(account),
    act: async (page: string, action: PageAction) =>
      (await sandbox.press(page, action)) as { status: string; paymentId: number; outcome?: string },
  };
}
