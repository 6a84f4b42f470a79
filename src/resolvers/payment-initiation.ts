import type { App } from '../context.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import type { InitiateInput } from '../integrations/contract.ts';
import type { UserRow } from '../loaders.ts';

/** What a payment is begun from: all of it stands in the database, so that a form can be made anew at any time. */
export interface InitiationFacts {
  readonly tenant: { readonly id: string; readonly slug: string };
  readonly payment: PaymentModel;
  readonly order: Pick<OrderModel, 'number'>;
  readonly customer: Pick<UserRow, 'firstName' | 'lastName' | 'email' | 'phone' | 'locale'>;
}

/** How long after it was begun the customer can come back from the gateway's page. */
const RETURN_MS = 30 * 86_400_000;

/** What the gateway is asked for: the same for the same facts. */
export function initiationOf(
  app: Pick<App, 'config' | 'gateways' | 'vault'>,
  { tenant, payment, order, customer }: InitiationFacts,
): InitiateInput {
  const base = app.config.baseUrl;
  const place = `${app.gateways.slugOf(payment.gateway)}/${tenant.slug}`;
  const back = (outcome: string) => {
    const token = app.vault.sign(
      'return',
      { tenantId: tenant.id, paymentId: payment.id, returnUrl: payment.returnUrl, outcome },
      new Date(payment.createdAt.getTime() + RETURN_MS),
    );
    return `${base}/pay/return/${place}?token=${encodeURIComponent(token)}`;
  };
  return {
    paymentId: payment.id,
    orderNumber: order.number!,
    methodId: payment.methodId,
    methodName: payment.method ?? payment.methodId,
    amountMinor: payment.amountMinor,
    currencyCode: payment.currencyCode,
    customer: {
      firstName: customer.firstName ?? 'Customer',
      lastName: customer.lastName ?? 'Customer',
      email: customer.email,
      phone: customer.phone,
    },
    // One line with the exact amount: taxes and rounding are ours, and the vendor refuses a cart that does not add up (spec 1.2).
    items: [{ name: `Order ${order.number}`, quantity: 1, unitPriceMinor: payment.amountMinor }],
    returnUrls: { success: back('success'), failure: back('failure'), pending: back('pending') },
    // Fawaterk writes its hooks as JSON where the address says so (spec 1.5).
    webhookUrl: `${base}/webhooks/payments/${place}${payment.gateway === 'FAWATERK' ? '?_json' : ''}`,
    locale: customer.locale ?? 'en',
  };
}
