import { GraphQLError, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';

import type { Actor } from '../access.ts';
import type { Identity } from '../auth.ts';
import { Lru } from '../auth/lru.ts';
import type { Grant } from '../budgets.ts';
import type { App, ClientFacts, Context } from '../context.ts';
import type { StreamHead } from '../db.ts';
import { createContext, type Spending } from '../request.ts';
import { pointsOf, POINTS_MAX } from './cost.ts';
import { Documents, type OperationKind, type PreparedDocument, type PreparedOperation } from './documents.ts';
import { Executor, isRequestError } from './execute.ts';
import { checkText } from './limits.ts';
import { executionError, refusal, requestError, statusOf, thrownError, type WireCode, type WireError } from './mask.ts';
import { PersistedOperations, type OperationParams } from './persisted.ts';

export type { OperationParams } from './persisted.ts';

/** What is known of a request before its operation is looked at. */
export interface Exchange {
  readonly identity: Identity;
  readonly requestId: string;
  readonly method: string;
  /** Charges this caller; bound to the tenant's budget, or to the address of an anonymous caller. */
  readonly charge: (points: number) => Grant | Promise<Grant>;
  /** Points a minute. */
  readonly limit: number;
  readonly abandonment: Abandonment;
  readonly client: ClientFacts;
}

/** Whether the caller has gone away. A plain object, because most requests never ask. */
export interface Abandonment {
  abandoned: boolean;
  onAbandon: (() => void) | null;
}

export interface Answer {
  /** Of the request as a whole; 200 where the operation ran. */
  readonly status: number;
  /** True where a client that accepts application/json only expects 200 nevertheless (GraphQL over HTTP). */
  readonly lenient: boolean;
  readonly body: AnswerBody;
  readonly spending: Spending | null;
  readonly kind: OperationKind | 'none';
  readonly operationName: string | null;
  readonly outcome: WireCode | 'OK';
}

export interface AnswerBody {
  readonly data?: ExecutionResult['data'];
  readonly errors?: readonly WireError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** An operation that may run: parsed, held against limits and rights, and paid for. */
export interface Admission {
  readonly text: string;
  readonly prepared: PreparedDocument;
  readonly operation: PreparedOperation;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly spending: Spending;
}

export interface Refused {
  readonly errors: readonly WireError[];
  readonly operation: PreparedOperation | null;
  readonly spending: Spending | null;
}

export type CursorEncoder = (head: StreamHead, tenantId: string) => string;

const CURSORS_MAX = 1_000;
const NO_VARIABLES = {};

/** Everything between a request's parameters and its answer, the same for every entrance (decisions.md, "Speed without two truths"). */
export class Engine {
  readonly documents: Documents;
  readonly persisted = new PersistedOperations();
  readonly schema: GraphQLSchema;
  readonly #app: App;
  readonly #executor: Executor;
  readonly #encodeCursor: CursorEncoder;
  readonly #cursors = new Lru<string, { head: StreamHead; text: string }>(CURSORS_MAX);

  constructor(app: App, schema: GraphQLSchema, encodeCursor: CursorEncoder) {
    this.schema = schema;
    this.documents = new Documents(schema);
    this.#app = app;
    this.#executor = new Executor(schema, app.config.compiledExecution);
    this.#encodeCursor = encodeCursor;
  }

  /** Runs a query or mutation. Never rejects. */
  async run(params: OperationParams, exchange: Exchange): Promise<Answer> {
    const since = performance.now();
    let answer: Answer;
    try {
      const admission = await this.admit(params, exchange);
      answer = 'errors' in admission ? refusedAnswer(admission) : await this.#execute(admission, exchange);
    } catch (error) {
      answer = refusedAnswer({
        errors: [thrownError(error, () => this.#log(exchange), exchange.requestId)],
        operation: null,
        spending: null,
      });
    }
    this.#measure(answer, performance.now() - since);
    return answer;
  }

  /** What kind of operation the parameters name; null where they name none that can run. Charges nothing. */
  kindOf(params: OperationParams): { kind: OperationKind; text: string; document: DocumentNode } | null {
    try {
      const text = this.persisted.textOf(params);
      const prepared = this.documents.prepare(text);
      const operation = pickOperation(prepared, params.operationName ?? null);
      return operation && prepared.document ? { kind: operation.kind, text, document: prepared.document } : null;
    } catch {
      return null;
    }
  }

  /** Parses, checks and charges an operation; subscriptions too. Nothing has touched the database but the budget. */
  async admit(params: OperationParams, exchange: Exchange): Promise<Admission | Refused> {
    let text: string;
    try {
      text = this.persisted.textOf(params);
      checkTexts(params.variables);
    } catch (error) {
      return this.#charged(
        { errors: [requestError(error as GraphQLError)], operation: null, spending: null },
        exchange,
      );
    }
    const prepared = this.documents.prepare(text);
    const operation = pickOperation(prepared, params.operationName ?? null);
    const variables = params.variables ?? NO_VARIABLES;
    const errors = this.#objections(prepared, operation, variables, exchange);
    if (errors || !operation) return this.#charged({ errors: errors ?? [], operation, spending: null }, exchange);
    const points = pointsOf(operation.cost, variables);
    const spending = await this.#charge(points, exchange);
    if ('errors' in spending) return { ...spending, operation };
    this.persisted.keep(params, text);
    return { text, prepared, operation, variables, spending };
  }

  /** `extensions.cursor`: where the snapshot stood that was read. */
  cursorOf(head: StreamHead, tenantId: string): string {
    const known = this.#cursors.get(tenantId);
    if (
      known &&
      known.head.position === head.position &&
      known.head.platformPosition === head.platformPosition &&
      known.head.epoch === head.epoch
    )
      return known.text;
    const text = this.#encodeCursor(head, tenantId);
    this.#cursors.set(tenantId, { head, text });
    return text;
  }

  // What cannot run costs one point, so that senseless requests are not free.
  async #charged(refused: Refused, exchange: Exchange): Promise<Refused> {
    const spending = await this.#charge(1, exchange);
    return 'errors' in spending ? { ...spending, operation: refused.operation } : { ...refused, spending };
  }

  async #charge(points: number, exchange: Exchange): Promise<Spending | Refused> {
    const charged = exchange.charge(points);
    const grant = charged instanceof Promise ? await charged : charged;
    const spending: Spending = {
      limit: exchange.limit,
      cost: grant.granted ? Math.min(points, exchange.limit) : 0,
      remaining: grant.remaining,
      resetAt: grant.resetAt,
    };
    this.#app.metrics.graphqlPoints.inc(spending.cost);
    if (grant.granted) return spending;
    const error = refusal('RATE_LIMITED', 'Too many requests. Please wait a moment.', {
      retryAt: grant.resetAt.toISOString(),
    });
    return { errors: [error], operation: null, spending };
  }

  #objections(
    prepared: PreparedDocument,
    operation: PreparedOperation | null,
    variables: Readonly<Record<string, unknown>>,
    exchange: Exchange,
  ): readonly WireError[] | null {
    const { actor } = exchange.identity;
    if (prepared.errors.length > 0) {
      const errors = mayIntrospect(actor) ? this.documents.explain(prepared) : prepared.errors;
      return errors.map(requestError);
    }
    if (!operation) return [refusal('INVALID_INPUT', 'Name one of the operations of the document in operationName.')];
    if (operation.kind !== 'query' && exchange.method === 'GET')
      return [refusal('METHOD_NOT_ALLOWED', 'Only queries may be asked by GET.')];
    if (operation.introspects && !mayIntrospect(actor))
      return [refusal('FORBIDDEN', 'Introspection needs a secret key with the scope introspect.')];
    const requested = pointsOf(operation.cost, variables);
    if (requested > POINTS_MAX)
      return [
        refusal('QUERY_TOO_COSTLY', 'The operation asks for too much at once.', {
          what: 'cost',
          requested,
          limit: POINTS_MAX,
        }),
      ];
    return null;
  }

  async #execute(admission: Admission, exchange: Exchange): Promise<Answer> {
    const { operation, prepared, variables, spending } = admission;
    if (operation.kind === 'subscription') {
      const error = refusal(
        'INVALID_INPUT',
        'Subscriptions are served over WebSocket or with Accept: text/event-stream.',
      );
      return refusedAnswer({ errors: [error], operation, spending });
    }
    const ctx = createContext(this.#app, exchange.identity, exchange.requestId, spending, exchange.client);
    try {
      const running = this.#executor.run(prepared, operation, variables, ctx);
      const result = running instanceof Promise ? await this.#bounded(running, operation, exchange) : running;
      return this.#answer(result, admission, ctx, exchange);
    } finally {
      ctx.reads.end();
    }
  }

  #answer(result: ExecutionResult, { operation, spending }: Admission, ctx: Context, exchange: Exchange): Answer {
    const log = () => this.#log(exchange);
    if (isRequestError(result)) return refusedAnswer({ errors: result.errors.map(requestError), operation, spending });
    const errors = result.errors?.map((error) => executionError(error, log, exchange.requestId));
    const extensions: Record<string, unknown> = { cost: costExtension(spending) };
    if (ctx.reads.head) extensions['cursor'] = this.cursorOf(ctx.reads.head, ctx.scope.tenantId);
    return {
      status: 200,
      lenient: true,
      body: errors?.length
        ? { errors, data: result.data ?? null, extensions }
        : { data: result.data ?? null, extensions },
      spending,
      kind: operation.kind,
      operationName: operation.name,
      outcome: errors?.[0]?.extensions.code ?? 'OK',
    };
  }

  /** Gives up at the deadline, and on a query nobody waits for any more; a mutation that has begun is finished. */
  async #bounded(
    running: Promise<ExecutionResult>,
    operation: PreparedOperation,
    { abandonment }: Exchange,
  ): Promise<ExecutionResult> {
    const given = Promise.withResolvers<never>();
    const giveUp = () =>
      given.reject(new GraphQLError('The request took too long.', { extensions: { code: 'DEADLINE_EXCEEDED' } }));
    const timer = setTimeout(giveUp, this.#app.config.requestDeadlineMs);
    if (operation.kind === 'query') {
      abandonment.onAbandon = giveUp;
      if (abandonment.abandoned) giveUp();
    }
    try {
      return await Promise.race([running, given.promise]);
    } finally {
      clearTimeout(timer);
      abandonment.onAbandon = null;
    }
  }

  #measure(answer: Answer, milliseconds: number): void {
    const { graphqlOperations, graphqlSeconds } = this.#app.metrics;
    graphqlOperations.inc({ operation: answer.kind, outcome: answer.outcome });
    graphqlSeconds.observe({ operation: answer.kind }, milliseconds / 1000);
  }

  #log(exchange: Exchange) {
    return this.#app.log.child({ requestId: exchange.requestId, tenantId: exchange.identity.tenant.id });
  }
}

/** Who may see the schema (GQL-4): partners with the scope, and platform administrators. */
export function mayIntrospect(actor: Actor): boolean {
  return actor.kind === 'PLATFORM_ADMIN' || (actor.kind === 'PARTNER' && actor.scopes.includes('introspect'));
}

export function costExtension(spending: Spending) {
  return {
    requested: spending.cost,
    remaining: spending.remaining,
    limit: spending.limit,
    resetAt: spending.resetAt.toISOString(),
  };
}

function pickOperation(prepared: PreparedDocument, name: string | null): PreparedOperation | null {
  const { operations } = prepared;
  if (name === null || name === '') return operations.length === 1 ? operations[0]! : null;
  return operations.find((operation) => operation.name === name) ?? null;
}

function refusedAnswer({ errors, operation, spending }: Refused): Answer {
  const code = errors[0]?.extensions.code ?? 'INTERNAL';
  return {
    status: statusOf(code),
    lenient: code === 'INVALID_INPUT',
    body: { errors, ...(spending && { extensions: { cost: costExtension(spending) } }) },
    spending,
    kind: operation?.kind ?? 'none',
    operationName: operation?.name ?? null,
    outcome: code,
  };
}

/** Deeper than any input of the graph; JSON itself has no bound. */
const VARIABLES_DEPTH_MAX = 32;

// Text that the database can't keep would come back as a defect of ours.
function checkTexts(value: unknown, depth = 0): void {
  if (typeof value === 'string') {
    checkText(value);
  } else if (value !== null && typeof value === 'object') {
    if (depth > VARIABLES_DEPTH_MAX)
      throw new GraphQLError('The variables are nested too deeply.', { extensions: { code: 'INVALID_INPUT' } });
    for (const inner of Object.values(value)) checkTexts(inner, depth + 1);
  }
}
