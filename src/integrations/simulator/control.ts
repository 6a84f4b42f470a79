import { z } from 'zod';
import type { Deliveries } from './deliveries.ts';
import { DRILL_NAME, DrillInput, type Drills } from './drills.ts';
import { ScenarioInput, type Scenarios } from './scenario.ts';
import type { SimulatorAnswer, SimulatorRequest } from './types.ts';
import type { Vendors } from './vendors.ts';

/**
 * The simulators' own interface, under /_control: accounts, scenarios, books. Refused to browsers of other
 * sites, because any page may
 * post to a port of this machine.
 *
 *   GET  /_control                                    the integrations served
 *   POST /_control/scenario                           sets an account's scenario (scenario.ts)
 *   PUT  /_control/{integration}/accounts/{id}        registers an account; the settings are the integration's own
 *   PUT  /_control/{integration}/drills/{name}        begins a drill, or changes one (drills.ts); DELETE ends it
 *   GET  /_control/{integration}/book?account=&limit=&drill= what it believes happened, and what it sent
 */
export interface ControlParts {
  readonly vendors: Vendors;
  readonly scenarios: Scenarios;
  readonly deliveries: Deliveries;
  readonly drills: Drills;
}

const BOOK_LIMIT_MAX = 10_000;

export function handleControl(parts: ControlParts, request: SimulatorRequest): SimulatorAnswer {
  if (request.headers['origin'] !== undefined)
    return json(403, { error: 'Browsers may not use the control interface.' });
  const [first, second, id, ...rest] = request.path.split('/').filter(Boolean).map(decodeURIComponent);
  const { method } = request;
  if (first === undefined && method === 'GET') return json(200, { integrations: parts.vendors.names });
  if (first === 'scenario' && second === undefined) return setScenario(parts, request);
  if (first === undefined || !parts.vendors.names.includes(first) || rest.length > 0)
    return json(404, { error: 'No such control address.' });
  if (second === 'book' && id === undefined && method === 'GET') return book(parts, first, request);
  if (second === 'accounts' && id !== undefined && method === 'PUT') return putAccount(parts, first, id, request);
  if (second === 'drills' && id !== undefined) return setDrill(parts, first, id, request);
  return json(404, { error: 'No such control address.' });
}

function setScenario(parts: ControlParts, request: SimulatorRequest): SimulatorAnswer {
  if (request.method !== 'POST' && request.method !== 'PUT') return json(405, { error: 'POST a scenario.' });
  const parsed = ScenarioInput.safeParse(parse(request.body));
  if (!parsed.success) return json(400, { error: z.prettifyError(parsed.error) });
  const scenario = parsed.data;
  const simulator = parts.vendors.simulator(scenario.integration);
  if (!simulator) return json(404, { error: 'No such integration.' });
  parts.scenarios.set(scenario);
  if (scenario.seed !== undefined) {
    simulator.resetAccount(scenario.account);
    parts.deliveries.dropAccount(scenario.integration, scenario.account);
  }
  return json(200, { ok: true });
}

function putAccount(
  { vendors }: ControlParts,
  integration: string,
  id: string,
  request: SimulatorRequest,
): SimulatorAnswer {
  if (!/^[\w.-]{1,120}$/.test(id))
    return json(400, { error: 'An account id is made of letters, digits, dot, dash, underscore.' });
  try {
    vendors.putAccount(integration, id, parse(request.body));
    return json(200, { ok: true, account: id });
  } catch (error) {
    return json(400, { error: error instanceof Error ? error.message : 'The account was refused.' });
  }
}

function setDrill(
  { drills }: ControlParts,
  integration: string,
  name: string,
  { method, body }: SimulatorRequest,
): SimulatorAnswer {
  if (!DRILL_NAME.test(name)) return json(400, { error: 'A drill is named by letters a-z, digits and hyphens.' });
  if (method === 'DELETE') {
    drills.stop(name, integration);
    return json(200, { ok: true });
  }
  if (method !== 'PUT') return json(405, { error: 'PUT a drill, or DELETE it.' });
  const parsed = DrillInput.safeParse(parse(body));
  if (!parsed.success) return json(400, { error: z.prettifyError(parsed.error) });
  drills.start(name, integration, parsed.data);
  return json(200, { ok: true });
}

function book(parts: ControlParts, integration: string, request: SimulatorRequest): SimulatorAnswer {
  const account = request.query.get('account');
  const drill = request.query.get('drill');
  const limit = Math.min(Math.max(Number(request.query.get('limit')) || 1_000, 1), BOOK_LIMIT_MAX);
  const sender = drill === null ? account : parts.drills.accountOf(drill);
  const deliveries = parts.deliveries.list(integration, sender, limit).map((record) => ({
    id: record.id,
    account: record.account,
    about: record.about,
    hook: record.hook,
    url: record.url,
    state: record.state,
    tries: record.tries,
    lastStatus: record.lastStatus,
  }));
  return json(200, { book: parts.vendors.simulator(integration, drill)?.book(account, limit), deliveries });
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
