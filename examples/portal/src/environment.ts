/**
 * Where the graph is, and as whose website the page asks. Both come from the environment that Vite is started with and end up in the
 * page: the key is a publishable one (pk_), which opens nothing but the shop window and works from the tenant's own origins only. A
 * secret key (sk_) must never stand here.
 */
export const ENDPOINT = required('VITE_PORTOLAN_ENDPOINT');
export const KEY = required('VITE_PORTOLAN_KEY');
export const SOCKET = ENDPOINT.replace(/^http/, 'ws');

function required(name: 'VITE_PORTOLAN_ENDPOINT' | 'VITE_PORTOLAN_KEY'): string {
  const value: unknown = import.meta.env[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`Start Vite with ${name} set, or run \`npm run example:portal\`, which sets it.`);
}
