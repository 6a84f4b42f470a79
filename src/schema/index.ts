import './scalars.ts';
import './node.ts';
import './limits.ts';
import './health.ts';
import './session.ts';
import './viewer.ts';
import './user.ts';
import './tenant.ts';
import './portal.ts';
import './key.ts';
import './gatewayConfig.ts';
import './audit.ts';
import './order.ts';
import './payment.ts';
import './invoice.ts';
import './booking.ts';
import './wallet.ts';
import './loyalty.ts';
import './webhook.ts';
import './operation.ts';
import './ledger-check.ts';
import './subscription.ts';

import { builder } from './builder.ts';

/** The graph. Importing this opens nothing and reads no environment. */
export const schema = builder.toSchema();
