import { EnvironmentMode, Vertical } from '../generated/prisma/enums.ts';
import { builder } from './builder.ts';

export const VerticalType = builder.enumType('Vertical', {
  description: 'What a provider sells. FLIGHTS_DISCOVERY sends the customer on to where the flight is sold.',
  values: Object.values(Vertical),
});
export const EnvironmentModeType = builder.enumType('EnvironmentMode', {
  description:
    "Whether a provider is called where bookings are real, or where it lets one try. Credentials are each mode's own.",
  values: Object.values(EnvironmentMode),
});
export const CredentialStateType = builder.enumType('CredentialState', {
  values: {
    ACTIVE: { description: 'The newest version; it opens.' },
    GRACE: { description: 'A version before that goes on serving until `graceUntil`.' },
    MISSING: { description: 'The provider cannot be called without it.' },
    DECRYPTION_FAILED: { description: 'It is there but does not open: `problem` says what to do.' },
  },
  description: 'How a credential does.',
});
