import process from 'node:process';

import { runCli } from '../../src/cli/run.ts';
import { TestVendor } from './travel.ts';

// src/cli/main.ts with other integrations: they take every credential that does not begin with "refused", and repeat those that do.
const vendor = new TestVendor();
vendor.answer = ({ credentials }) => {
  const refused = Object.values(credentials).find((value) => value.startsWith('refused'));
  return refused === undefined ? null : `${refused} is unknown`;
};
// What it says of bookings, by our reference (`*`: of all others): a state, `down`, or `limiting` until it was left alone for a moment.
const words = JSON.parse(process.env['VENDOR_SAYS'] ?? '{}') as Record<string, string>;
vendor.behave({
  lookUp: ({ reference }) => {
    const said = words[reference] ?? words['*'] ?? 'NOT_FOUND';
    if (said === 'down') return { kind: 'notDone', reason: 'unavailable', detail: 'it is down' };
    if (said === 'limiting') {
      words[reference] = 'CONFIRMED';
      return { kind: 'notDone', reason: 'rateLimited', detail: 'wait', retryAt: new Date(Date.now() + 300) };
    }
    const ids = { providerReference: `V-${reference}`, keys: null };
    return { kind: 'done', value: { state: said as never, ids: said === 'NOT_FOUND' ? null : ids } };
  },
});
await runCli(process.argv.slice(2), vendor.descriptions);
