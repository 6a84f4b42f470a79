import type { IncomingMessage, ServerResponse } from 'node:http';

import { GraphQLError } from 'graphql';

import { JSON_TYPE, resultTypeOf, wantsEventStream, type ResultType } from '../graphql/accept.ts';
import type { Answer, Engine, OperationParams } from '../graphql/engine.ts';
import { LIMITS } from '../graphql/limits.ts';
import { requestError, statusOf } from '../graphql/mask.ts';
import { parseJsonBody, readParams, readQueryParams } from '../graphql/params.ts';
import { codeOfStatus, createGraphYoga, httpStatus } from '../graphql/yoga.ts';
import type { Asker } from '../live/contract.ts';
import { send, sendGraphRefusal, type Headers, type Visit } from './answer.ts';
import { BodyTooLarge, readBody } from './body.ts';
import { enter, secondsUntil, type Entered, type Gate } from './gate.ts';
import { preflightHeaders } from './origins.ts';

/** GraphQL over server-sent events, served by src/live: it writes the whole answer itself, after the headers that were set. */
export type EventStreamHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  params: OperationParams,
  asker: Asker,
) => Promise<void>;

export interface GraphEntranceDeps extends Gate {
  readonly engine: Engine;
  readonly eventStream: () => EventStreamHandler | null;
}

// GraphiQL is one page with everything inside; it talks to nobody but us.
const GRAPHIQL_POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

type Yoga = ReturnType<typeof createGraphYoga>;

/** Everything under /graphql but WebSockets. */
export class GraphEntrance {
  readonly #deps: GraphEntranceDeps;
  readonly #yoga: Yoga;

  constructor(deps: GraphEntranceDeps) {
    this.#deps = deps;
    this.#yoga = createGraphYoga(deps.engine, deps.app.config, deps.app.log);
  }

  async handle(visit: Visit): Promise<void> {
    const { method, headers } = visit.request;
    if (method === 'OPTIONS') return preflight(this.#deps, visit);
    if (method !== 'GET' && method !== 'POST') {
      const allow = { allow: 'GET, POST, OPTIONS' };
      return sendGraphRefusal(visit, 405, 'METHOD_NOT_ALLOWED', 'GraphQL is served by GET and POST.', allow);
    }
    if (method === 'GET' && headers.accept?.includes('text/html')) return this.#graphiql(visit);
    if (wantsEventStream(headers.accept)) return eventStream(this.#deps, visit);
    return this.#operate(visit);
  }

  async #operate(visit: Visit): Promise<void> {
    const { method, headers } = visit.request;
    const entered = await enter(this.#deps, visit);
    if (!entered) return;
    const body = method === 'POST' ? await boundedBody(visit, entered.headers) : Buffer.alloc(0);
    if (body === null) return;
    const accepts = resultTypeOf(headers.accept);
    const isThin = this.#deps.app.config.thinEntrance && method === 'POST' && isJson(headers['content-type']);
    if (isThin && accepts !== null && (await this.#answerOne(visit, entered, body, accepts))) return;
    await this.#answerByYoga(visit, entered, body);
  }

  /** The thin entrance: one operation as JSON. False where it is something else, such as a batch. */
  async #answerOne(visit: Visit, entered: Entered, body: Buffer, accepts: ResultType): Promise<boolean> {
    const headers = { 'content-type': `${accepts}; charset=utf-8`, ...entered.headers };
    let params: OperationParams;
    try {
      const value = parseJsonBody(body);
      if (Array.isArray(value)) return false;
      params = readParams(value);
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      const refused = requestError(error);
      visit.facts.code = refused.extensions.code;
      send(visit, statusOf(refused.extensions.code), headers, JSON.stringify({ errors: [refused] }));
      return true;
    }
    const answer = await this.#deps.engine.run(params, entered.exchange);
    note(visit, answer);
    const status = httpStatus(answer, accepts);
    send(visit, status, { ...headers, ...this.#budgetHeaders(answer) }, JSON.stringify(answer.body));
    return true;
  }

  async #answerByYoga(visit: Visit, { exchange, headers }: Entered, body: Buffer): Promise<void> {
    const answers: Answer[] = [];
    const response = await this.#yoga.fetch(fetchRequest(this.#yoga, visit, body), { exchange, answers });
    const [first] = answers;
    if (first) note(visit, first);
    const { status } = response;
    const text = await response.text();
    if (text === '') {
      const message = status === 415 ? 'Send the operation as application/json.' : 'No type you accept can be given.';
      return sendGraphRefusal(visit, status, codeOfStatus(status), message, headers);
    }
    const last = answers.at(-1);
    send(visit, status, { ...keptHeaders(response), ...headers, ...(last && this.#budgetHeaders(last)) }, text);
  }

  async #graphiql(visit: Visit): Promise<void> {
    visit.route = 'graphiql';
    const request = fetchRequest(this.#yoga, visit, Buffer.alloc(0));
    const page = await this.#yoga.fetch(request, { exchange: null, answers: [] });
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': GRAPHIQL_POLICY };
    send(visit, page.status, { ...headers, 'x-frame-options': 'DENY' }, await page.text());
  }

  #budgetHeaders({ spending, outcome }: Answer): Headers {
    if (!spending) return {};
    const reset = secondsUntil(this.#deps.app.clock.now(), spending.resetAt);
    return {
      'ratelimit-limit': String(spending.limit),
      'ratelimit-remaining': String(spending.remaining),
      'ratelimit-reset': reset,
      ...(outcome === 'RATE_LIMITED' && { 'retry-after': reset }),
    };
  }
}

// The server has read the body already; Yoga gets it whole.
function fetchRequest(yoga: Yoga, visit: Visit, body: Buffer): Request {
  const { method = 'GET', headers, url = '' } = visit.request;
  const single = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const init = { method, headers: single, ...(method === 'POST' && { body: new Uint8Array(body) }) };
  return new yoga.fetchAPI.Request(`http://graph${url}`, init);
}

function keptHeaders(response: Response): Headers {
  const kept = ['content-type', 'allow'].map((name) => [name, response.headers.get(name)] as const);
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== null));
}

function note(visit: Visit, answer: Answer): void {
  visit.facts.operation = answer.operationName;
  visit.facts.code = answer.outcome;
}

function isJson(contentType: string | undefined): boolean {
  return (
    contentType === JSON_TYPE ||
    (contentType !== undefined && /^application\/json\s*(;\s*charset=utf-8\s*)?$/i.test(contentType))
  );
}

async function boundedBody(visit: Visit, headers: Headers): Promise<Buffer | null> {
  try {
    return await readBody(visit.request, LIMITS.bodyBytes);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    sendGraphRefusal(visit, 413, 'BODY_TOO_LARGE', `A request may have at most ${LIMITS.bodyBytes} bytes.`, {
      ...headers,
      connection: 'close',
    });
    return null;
  }
}

async function preflight(gate: Gate, visit: Visit): Promise<void> {
  visit.route = 'preflight';
  const { origin } = visit.request.headers;
  const { address } = visit;
  if (origin === undefined) return sendGraphRefusal(visit, 400, 'INVALID_INPUT', 'A preflight names its origin.');
  if (!gate.strangers.charge(`preflight ${address}`, 1).granted)
    return sendGraphRefusal(visit, 429, 'RATE_LIMITED', 'Too many preflights.', { 'retry-after': '60' });
  const allowed = gate.origins.isOwn(origin) || (await gate.origins.isListed(origin));
  if (!allowed) return sendGraphRefusal(visit, 403, 'FORBIDDEN', 'No tenant lists this origin.');
  send(visit, 204, preflightHeaders(origin), '');
}

async function eventStream(deps: GraphEntranceDeps, visit: Visit): Promise<void> {
  visit.route = 'event-stream';
  const serveStream = deps.eventStream();
  if (!serveStream) return sendGraphRefusal(visit, 406, 'NOT_ACCEPTABLE', 'Event streams are not served here.');
  const { request, response } = visit;
  const entered = await enter(deps, visit);
  const body = entered && request.method === 'POST' ? await boundedBody(visit, entered.headers) : null;
  if (!entered || (request.method === 'POST' && body === null)) return;
  try {
    const params = body === null ? readQueryParams(searchOf(request.url)) : readParams(parseJsonBody(body));
    for (const [name, value] of Object.entries({
      ...entered.headers,
      'x-request-id': visit.requestId,
      'x-content-type-options': 'nosniff',
    }))
      response.setHeader(name, value);
    visit.facts.operation = params.operationName ?? null;
    await serveStream(request, response, params, entered.asker);
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    sendGraphRefusal(visit, 400, 'INVALID_INPUT', error.message, entered.headers);
  }
}

function searchOf(url: string | undefined): URLSearchParams {
  return new URLSearchParams(url?.split('?', 2)[1] ?? '');
}
