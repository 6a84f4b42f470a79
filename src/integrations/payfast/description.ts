import type { GatewayDescription } from '../registry.ts';
import { PAYFAST_CURRENCY } from './money.ts';
import { PAYFAST_CREDENTIALS, PAYFAST_SECRET_FIELDS, createPayfastClient } from './client.ts';

/** The API's own host is derived from these (exchange.ts). */
export const PAYFAST: GatewayDescription = {
  slug: 'payfast',
  kind: 'paymentGateway',
  name: 'PayFast',
  credentialNames: PAYFAST_CREDENTIALS,
  requiredCredentialNames: ['MERCHANT_ID', 'MERCHANT_KEY', 'PASSPHRASE'],
  secretBodyFields: PAYFAST_SECRET_FIELDS,
  baseUrls: { live: 'https://www.payfast.co.za', test: 'https://sandbox.payfast.co.za' },
  simulatorPath: '/payfast',
  initiateRecovery: 'bySearch',
  currencies: [PAYFAST_CURRENCY],
  create: createPayfastClient,
};
