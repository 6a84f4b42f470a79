import { TestVendor } from './travel.ts';

/**
 * The travel providers that a command works with in tests: they take every credential that does not begin with "refused", and repeat
 * those that do.
 * @param said what they say of bookings, as JSON, by our reference (`*`: of all others): a state, `down`, or `limiting` until they were
 *   left alone for a moment
 */
export function vendorOfCli(said: string | undefined): TestVendor {
  const vendor = new TestVendor();
  vendor.answer = ({ credentials }) => {
    const refused = Object.values(credentials).find((value) => value.startsWith('refused'));
    return refused === undefined ? null : `${refused} is unknown`;
  };
  const words = JSON.parse(said ?? '{}') as Record<string, string>;
  vendor.behave({
    lookUp: ({ reference }) => {
      const word = words[reference] ?? words['*'] ?? 'NOT_FOUND';
      if (word === 'down') return { kind: 'notDone', reason: 'unavailable', detail: 'it is down' };
      if (word === 'limiting') {
        words[reference] = 'CONFIRMED';
        return { kind: 'notDone', reason: 'rateLimited', detail: 'wait', retryAt: new Date(Date.now() + 300) };
      }
      const ids = { providerReference: `V-${reference}`, keys: null };
      return { kind: 'done', value: { state: word as never, ids: word === 'NOT_FOUND' ? null : ids } };
    },
  });
  return vendor;
}
