import type { GatewayDescription } from '../registry.ts';
import { PAYU_CURRENCY } from './map.ts';
import { PAYU_CREDENTIALS, PAYU_SECRET_FIELDS, createPayuClient } from './client.ts';

/** The commands' own live host is derived from these (exchange.ts). */
export const PAYU: GatewayDescription = {
  slug: 'payu',
  kind: 'paymentGateway',
  name: 'PayU India',
  credentialNames: PAYU_CREDENTIALS,
  requiredCredentialNames: ['MERCHANT_KEY', 'SALT'],
  secretBodyFields: PAYU_SECRET_FIELDS,
  baseUrls: { live: 'https://secure.payu.in', test: 'https://test.payu.in' },
  simulatorPath: '/payu',
  initiateRecovery: 'byReference',
  currencies: [PAYU_CURRENCY],
  create: createPayuClient,
};
