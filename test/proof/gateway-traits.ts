import type { Traits } from './alphabet.ts';

/** What each gateway does (payment-gateways.md sections 1, 2 and 3): how it writes is in gateway-entries.ts. */
export const TRAITS = {
  FAWATERK: { confirms: false, paysAgain: false, failureEnds: false, refunds: 'BY_HOOK', expires: 'BY_HOOK' },
  PAYFAST: { confirms: true, paysAgain: true, failureEnds: false, refunds: 'AT_ONCE', expires: 'BY_CLOCK' },
  PAYU: { confirms: false, paysAgain: false, failureEnds: true, refunds: 'BY_HOOK', expires: 'BY_CLOCK' },
} as const satisfies Record<string, Traits>;
