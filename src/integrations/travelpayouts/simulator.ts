import { json, wrongMethod } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { airports, cheapPrices, groupedPrices, pricesForDates, type DataCall } from './simulator-data.ts';
import { throttle } from './simulator-limits.ts';
import { agencyPage, click, press, readBody, results, resultsPage, signerOf, startSearch } from './simulator-live.ts';
import { openLedger, type Ledger } from './simulator-model.ts';

/**
 * Travelpayouts / Aviasales as a sandbox, written from travel-providers.md section 4 and from nothing of ours: cached
 * prices under a token, live searches under a signature, results by and by, and clicks that nobody may make ahead.
 *
 *   GET  /aviasales/v3/prices_for_dates, /aviasales/v3/grouped_prices, /v1/prices/cheap, /data/{lang}/airports.json
 *   POST /v1/flight_search        GET /v1/flight_search_results?uuid=
 *   GET  /v1/flight_searches/{search_id}/clicks/{url}.json?marker=
 *   POST /buy/{search_id}/{url}   a customer presses the button; a click without it is a violation in the book
 *   GET  /agency/{click_id}, /search/...   where links end
 *
 * Operations for scenarios: prices_for_dates, grouped_prices, cheap, airports, flight_search, flight_search_results,
 * clicks, buy, page.
 */
const DATA: readonly [path: RegExp, operation: string, perform: (call: DataCall) => SimulatorAnswer][] = [
  [/^\/aviasales\/v3\/prices_for_dates$/, 'prices_for_dates', pricesForDates],
  [/^\/aviasales\/v3\/grouped_prices$/, 'grouped_prices', groupedPrices],
  [/^\/v1\/prices\/cheap$/, 'cheap', cheapPrices],
  [/^\/data\/[a-z]{2}\/airports\.json$/, 'airports', airports],
];

const START = '/v1/flight_search';
const RESULTS = '/v1/flight_search_results';
const CLICK = /^\/v1\/flight_searches\/([\w-]+)\/clicks\/(\d+)\.json$/;
const BUY = /^\/buy\/([\w-]+)\/(\d+)$/;
const AGENCY = /^\/agency\/(\d+)$/;

export function simulateTravelpayouts(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  return {
    name: 'travelpayouts',
    identify: (request) => identify(ledger, request),
    perform: (request, identified, fault) => packed(request, perform(ledger, world, request, identified, fault)),
    refusal,
    putAccount: ledger.putAccount,
    resetAccount: (id) => ledger.reset(id),
    book: (account, limit) => bookOf(ledger, account, limit),
  };
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const data = DATA.find(([path]) => path.test(request.path));
  if (data) return { account: ledger.accountByToken(tokenOf(request)), operation: data[1] };
  const ofSearch = (id: string | undefined): string | null => ledger.search(id ?? '')?.account ?? null;
  if (request.path === START) return { account: signerOf(ledger, readBody(request.body)), operation: 'flight_search' };
  if (request.path === RESULTS) {
    return { account: ofSearch(request.query.get('uuid') ?? undefined), operation: 'flight_search_results' };
  }
  const clicked = CLICK.exec(request.path);
  if (clicked) return { account: ofSearch(clicked[1]), operation: 'clicks' };
  const bought = BUY.exec(request.path);
  return bought ? { account: ofSearch(bought[1]), operation: 'buy' } : { account: null, operation: 'page' };
}

/** For those who ask for it, as the vendor urges. */
function packed(request: SimulatorRequest, answer: SimulatorAnswer): SimulatorAnswer {
  const isAsked = (request.headers['accept-encoding'] ?? '').includes('gzip');
  return isAsked ? { ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' } } : answer;
}

/** The header is preferred; the vendor takes the query, too. */
function tokenOf(request: SimulatorRequest): string {
  return request.headers['x-access-token'] ?? request.query.get('token') ?? '';
}

function perform(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  { account }: Identified,
  fault: Fault | null,
): SimulatorAnswer {
  const { path, method } = request;
  const isPost = path === START || BUY.test(path);
  if (method !== (isPost ? 'POST' : 'GET')) return wrongMethod();
  const data = DATA.find(([pattern]) => pattern.test(path));
  if (data) return performData(ledger, request, account, data, fault);
  if (path === START) return startSearch(ledger, account, request);
  if (path === RESULTS) return results(ledger, request, fault);
  const [, searchId = '', term = ''] = CLICK.exec(path) ?? BUY.exec(path) ?? [];
  if (BUY.test(path)) return press(ledger, searchId, term);
  const marker = request.query.get('marker') ?? '';
  if (CLICK.test(path)) return click(ledger, world.baseUrl, { searchId, term, marker });
  const agency = AGENCY.exec(path)?.[1];
  if (agency !== undefined) return agencyPage(ledger, agency);
  if (path.startsWith('/search/')) return resultsPage(path, marker);
  return page(404, 'Not Found', '<h1>404 Not Found</h1>');
}

function performData(
  ledger: Ledger,
  request: SimulatorRequest,
  id: string | null,
  [, operation, answer]: (typeof DATA)[number],
  fault: Fault | null,
): SimulatorAnswer {
  const account = id === null ? undefined : ledger.account(id);
  if (id === null || account === undefined) return json(401, { success: false, data: {}, error: 'Unauthorized' });
  ledger.countCall(id);
  if (request.query.has('token')) ledger.blame(id, 'tokenInQuery');
  const { headers, refused } = throttle(ledger, id, account, operation);
  return refused ?? answer({ ledger, id, account, query: request.query, fault, headers });
}

function bookOf(ledger: Ledger, account: string | null, limit: number): unknown {
  const newest = <T>(all: readonly T[]): T[] => all.slice(-limit).toReversed();
  return {
    searches: newest(ledger.searches(account)).map(({ id, from, to, days, polls, startedAt }) => ({
      searchId: id,
      from,
      to,
      days,
      polls,
      startedAt,
    })),
    clicks: newest(ledger.clicks(account)).map(({ id, searchId, term, bought, url }) => ({
      clickId: id,
      searchId,
      term,
      bought,
      url,
    })),
    violations: account === null ? null : ledger.violations(account),
  };
}

function refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  if (kind === 'broken') return page(fault.status ?? 500, 'Server Error', '<h1>Server Error</h1>');
  const headers = {
    'x-rate-limit': '600',
    'x-rate-limit-remaining': '0',
    'x-rate-limit-reset': String(fault.retryAfterSeconds ?? 60),
  };
  return json(429, { success: false, data: {}, error: 'Too many requests' }, headers);
}
