import { z } from 'zod';
import type { Deliveries } from './deliveries.ts';
import { ScenarioInput, type Scenarios } from './scenario.ts';
import type { Simulator, SimulatorAnswer, SimulatorRequest } from './types.ts';

/**
 * The simulators' own interface, under /_control: accounts, scenarios, books. Refused to browsers of other
 * sites, because any page may
 * post to a port of this machine.
 *
 *   GET  /_control                                    the integrations served
 *   POST /_control/scenario                           sets an account's scenario (scenario.ts)
 *   PUT  /_control/{integration}/accounts/{id}        registers an account; the settings are the integration's own
 *   GET  /_control/{integration}/book?account=&limit= what it believes happened, and what it sent
 */
export interface ControlParts {
  readonly simulators: ReadonlyMap<string, Simulator>;
  readonly scenarios: Scenarios;
  readonly deliveries: Deliveries;
}

const BOOK_LIMIT_MAX = 10_000;

export function handleControl(parts: ControlParts, request: SimulatorRequest): SimulatorAnswer {
  if (request.headers['origin'] !== undefined)
    return json(403, { error: 'Browsers may not use the control interface.' });
  const [first, second, id, ...rest] = request.path.split('/').filter(Boolean).map(decodeURIComponent);
  if (first === undefined && request.method === 'GET') return json(200, { integrations: [...parts.simulators.keys()] });
  if (first === 'scenario' && second === undefined) return setScenario(parts, request);
  const simulator = parts.simulators.get(first ?? '');
  if (!simulator || rest.length > 0) return json(404, { error: 'No such control address.' });
  if (second === 'book' && id === undefined && request.method === 'GET') return book(parts, simulator, request);
  if (second === 'accounts' && id !== undefined && request.method === 'PUT') return putAccount(simulator, id, request);
  return json(404, { error: 'No such control address.' });
}

function setScenario(parts: ControlParts, request: SimulatorRequest): SimulatorAnswer {
  if (request.method !== 'POST' && request.method !== 'PUT') return json(405, { error: 'POST a scenario.' });
  const parsed = ScenarioInput.safeParse(parse(request.body));
  if (!parsed.success) return json(400, { error: z.prettifyError(parsed.error) });
  const scenario = parsed.data;
  const simulator = parts.simulators.get(scenario.integration);
  if (!simulator) return json(404, { error: 'No such integration.' });
  parts.scenarios.set(scenario);
  if (scenario.seed !== undefined) {
    simulator.resetAccount(scenario.account);
    parts.deliveries.dropAccount(scenario.integration, scenario.account);
  }
  return json(200, { ok: true });
}

function putAccount(simulator: Simulator, id: string, request: SimulatorRequest): SimulatorAnswer {
  if (!/^[\w.-]{1,120}$/.test(id))
    return json(400, { error: 'An account id is made of letters, digits, dot, dash, underscore.' });
  try {
    simulator.putAccount(id, parse(request.body));
    return json(200, { ok: true, account: id });
  } catch (error) {
    return json(400, { error: error instanceof Error ? error.message : 'The account was refused.' });
  }
}

function book(parts: ControlParts, simulator: Simulator, request: SimulatorRequest): SimulatorAnswer {
  const account = request.query.get('account');
  const limit = Math.min(Math.max(Number(request.query.get('limit')) || 1_000, 1), BOOK_LIMIT_MAX);
  const deliveries = parts.deliveries.list(simulator.name, account, limit).map((record) => ({
    id: record.id,
    account: record.account,
    about: record.about,
    hook: record.hook,
    url: record.url,
    state: record.state,
    tries: record.tries,
    lastStatus: record.lastStatus,
  }));
  return json(200, { book: simulator.book(account, limit), deliveries });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function json(status: number, value: unknown): SimulatorAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
