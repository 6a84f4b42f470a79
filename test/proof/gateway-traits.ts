import type { Traits } from './alphabet.ts';

/** What each gateway does (payment-gateways.md sections 1, 2 and 3): how it writes is in gateway-entries.ts. */
export const TRAITS = {
  FAWATERK: {
    confirms: false,
    namesAttempts: false,
    paysAgain: false,
    failureEnds: false,
    refunds: 'BY_HOOK',
    expires: 'BY_HOOK',
  },
  PAYFAST: {
    confirms: true,
    namesAttempts: true,
    paysAgain: true,
    failureEnds: false,
    refunds: 'AT_ONCE',
    expires: 'BY_CLOCK',
  },
  PAYU: {
    confirms: false,
    namesAttempts: true,
    paysAgain: false,
    failureEnds: true,
    refunds: 'BY_HOOK',
    expires: 'BY_CLOCK',
  },
} as const satisfies Record<string, Traits>;
