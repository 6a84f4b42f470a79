import './scalars.ts';
import './node.ts';
import './limits.ts';
import './health.ts';

import { builder } from './builder.ts';

/** The graph. Importing this opens nothing and reads no environment. */
export const schema = builder.toSchema();
