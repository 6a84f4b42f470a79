import type { InitiatedPayment, Outcome, PaymentForm } from './contract.ts';

/** What gateways have in common that take the customer by a browser's form POST: beginning asks them nothing. */
export function begunByForm(gatewayReference: string, form: PaymentForm): Outcome<InitiatedPayment> {
  const nothing = { gatewayKey: null, paymentUrl: null, referenceCode: null, expiresAt: null };
  return { kind: 'done', value: { gatewayReference, ...nothing, form } };
}

/** The host of the payment pages. Operators write it with or without the slash. */
export function pagesBase(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '');
}
