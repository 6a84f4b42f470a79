import type { Outcome, OutboundSend } from '../../src/integrations/contract.ts';
import type { FlightQuery, ProviderCache, ProviderConnection } from '../../src/integrations/travel.ts';
import { createTravelpayoutsClient, type TravelpayoutsOptions } from '../../src/integrations/travelpayouts/client.ts';
import { simulateTravelpayouts } from '../../src/integrations/travelpayouts/simulator.ts';
import { startSandbox, type SandboxOptions } from './sandbox.ts';

/** Token of the vectors (travel-providers.md 4.3); a canary in every detail that is logged. */
export const CREDENTIALS = { TOKEN: '0123456789abcdef0123456789abcdef', MARKER: '123456' };

export const VENDOR = 'https://api.travelpayouts.com';

/** Polls do not wait, and results have a site to be shown on. */
export const LIVE = { SURFACE: 'live', HOST: 'travel.example.com', POLL_FIRST_MS: '0', POLL_NEXT_MS: '0' };

export const CALL = { timeoutMs: 5_000 };

export const TRAVELLER = {
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0',
  sessionId: 'session-1',
  locale: 'en-GB',
  countryCode: 'GB',
};

export function connect(baseUrl: string, settings: Readonly<Record<string, string>> = {}): ProviderConnection {
  return { baseUrl, mode: 'PRODUCTION', credentials: CREDENTIALS, settings };
}

export function flight(changes: Partial<FlightQuery> = {}): FlightQuery {
  return {
    from: 'MAD',
    to: 'BCN',
    departure: '2030-10-14',
    return: '2030-10-18',
    adults: 1,
    children: 0,
    currencyCode: 'USD',
    traveller: TRAVELLER,
    offersMax: 30,
    ...changes,
  };
}

/** Keeps what was done, as the core's does. */
export function memoryCache(): ProviderCache & { readonly kept: Map<string, unknown> } {
  const kept = new Map<string, unknown>();
  return {
    kept,
    through: async <T>(_connection: unknown, operation: string, key: string, load: () => Promise<Outcome<T>>) => {
      const held = kept.get(`${operation}/${key}`) as Outcome<T> | undefined;
      if (held) return held;
      const outcome = await load();
      if (outcome.kind === 'done') kept.set(`${operation}/${key}`, outcome);
      return outcome;
    },
  };
}

export function clientOf(send: OutboundSend, more: Partial<TravelpayoutsOptions> = {}) {
  return createTravelpayoutsClient({ send, clock: { now: () => new Date() }, cache: memoryCache(), ...more });
}

/** A vendor that gives these answers by path; what it was asked is kept. */
export function answering(answers: Readonly<Record<string, unknown>>, status = 200) {
  const asked: { readonly url: URL; readonly headers: Readonly<Record<string, string>>; readonly body: string }[] = [];
  const send: OutboundSend = async ({ url, headers = {}, body = '' }) => {
    const parsed = new URL(url);
    asked.push({ url: parsed, headers, body });
    const given = Object.entries(answers).find(([path]) => parsed.pathname.includes(path))?.[1];
    const answer = typeof given === 'function' ? (given as (count: number) => unknown)(asked.length) : given;
    if (answer === undefined) return { status: 404, headers: {}, body: '<html>Not Found</html>' };
    return { status, headers: {}, body: typeof answer === 'string' ? answer : JSON.stringify(answer) };
  };
  return { send, asked };
}

/** What became of a call, for those who expect success. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'done') throw new Error(`${outcome.kind}: ${outcome.detail}`);
  return outcome.value;
}

export function endOf(outcome: Outcome<unknown>): string {
  return outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
}

export interface TravelpayoutsBook {
  readonly searches: readonly { readonly searchId: string; readonly polls: number; readonly days: readonly string[] }[];
  readonly clicks: readonly { readonly clickId: string; readonly term: string; readonly bought: boolean }[];
  readonly violations: {
    readonly clickWithoutBuy: number;
    readonly tokenInQuery: number;
    readonly loopbackAddress: number;
  };
}

/** The simulated Travelpayouts in this process. */
export async function startTravelpayouts(options: SandboxOptions = {}) {
  const sandbox = await startSandbox('travelpayouts', simulateTravelpayouts, options);
  return {
    ...sandbox,
    register: (more: Record<string, unknown> = {}, account = 'shop') =>
      sandbox.register({ token: CREDENTIALS.TOKEN, marker: CREDENTIALS.MARKER, emptyShare: 0, ...more }, account),
    violations: async (account = 'shop') => (await bookOf(sandbox.baseUrl, account)).violations,
    bookOf: (account = 'shop') => bookOf(sandbox.baseUrl, account),
    /** A customer presses the button of an offer. */
    buy: async (token: unknown) => {
      const { searchId, term } = token as { searchId: string; term: string };
      await sandbox.press(`${sandbox.baseUrl}/buy/${searchId}/${term}`, 'buy');
    },
  };
}

async function bookOf(baseUrl: string, account: string): Promise<TravelpayoutsBook> {
  const control = baseUrl.replace(/\/travelpayouts$/, '/_control/travelpayouts');
  const answer = await fetch(`${control}/book?account=${account}`);
  return ((await answer.json()) as { book: TravelpayoutsBook }).book;
}
