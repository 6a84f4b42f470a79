import {
  createSourceEventStream,
  executeSubscriptionEvent,
  validateSubscriptionArgs,
  type ExecutionResult,
  type GraphQLFormattedError,
} from 'graphql';

import type { Identity } from '../auth.ts';
import { encodeCursor, type CursorKey } from '../cursor.ts';
import { AppError } from '../errors.ts';
import type { JournalEvent } from '../journal.ts';
import type { GraphqlParams, LiveEngine, PreparedOperation } from './contract.ts';
import { Watch } from '../journal/watch.ts';

type SubscriptionArgs = Extract<ReturnType<typeof validateSubscriptionArgs>, { operation: unknown }>;
/** Codes that may be gone a moment later: an event is never given up because the database was busy. */
const PASSING: ReadonlySet<unknown> = new Set(['OVERLOADED', 'DEADLINE_EXCEEDED', 'INTERNAL']);
const RETRY_AFTER_MS = [50, 250, 1_000, 3_000];

/** A subscription as it can be executed for each event. */
export interface Execution {
  readonly watch: Watch;
  /** The result for an event as JSON in UTF-8. @throws OVERLOADED where it can't be had for some time. */
  resultFor(event: JournalEvent): Promise<Buffer>;
}

/** Thrown with errors fit to be shown. */
export class Refusal extends Error {
  readonly errors: readonly GraphQLFormattedError[];

  constructor(errors: readonly GraphQLFormattedError[]) {
    super(errors[0]?.message ?? 'Refused.');
    this.errors = errors;
  }
}

/** Asks the subscription's field what to watch: this is where rights, ids and the cursor are checked. @throws Refusal */
export async function beginExecution(
  engine: LiveEngine,
  key: CursorKey,
  operation: PreparedOperation,
  params: GraphqlParams,
  identity: Identity,
): Promise<Execution> {
  const context = engine.openContext(identity);
  try {
    const args = validateSubscriptionArgs({
      schema: engine.schema,
      document: operation.document,
      operationName: params.operationName ?? null,
      variableValues: params.variables ?? {},
      contextValue: context.value,
      hideSuggestions: true,
    });
    if (!('operation' in args)) throw new Refusal(args.map((error) => engine.mask(error)));
    const source = await createSourceEventStream(args);
    if (!(source instanceof Watch)) throw refusalOf(engine, source);
    return { watch: source, resultFor: (event) => resultFor(engine, key, args, identity, event) };
  } finally {
    context.end();
  }
}

function refusalOf(engine: LiveEngine, source: AsyncIterable<unknown> | ExecutionResult): Error {
  const errors = 'errors' in source ? source.errors : undefined;
  return errors
    ? new Refusal(errors.map((error) => engine.mask(error)))
    : new Error('A subscription field gave no Watch.');
}

async function resultFor(
  engine: LiveEngine,
  key: CursorKey,
  args: SubscriptionArgs,
  identity: Identity,
  event: JournalEvent,
): Promise<Buffer> {
  for (const delayMs of [...RETRY_AFTER_MS, null]) {
    const { data, errors } = await execute(engine, args, identity, event);
    const passing = errors?.find((error) => PASSING.has(error.extensions?.['code']));
    if (!passing || (delayMs === null && passing.extensions?.['code'] === 'INTERNAL'))
      return serialise(key, event, data, errors);
    if (delayMs !== null) await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
  throw new AppError('OVERLOADED', 'The service is busy. Please resume from the cursor shortly.', {
    log: 'A subscription event could not be executed',
  });
}

async function execute(engine: LiveEngine, args: SubscriptionArgs, identity: Identity, event: JournalEvent) {
  const context = engine.openContext(identity);
  try {
    const result = await executeSubscriptionEvent({ ...args, rootValue: event, contextValue: context.value });
    return { data: result.data, errors: result.errors?.map((error) => engine.mask(error)) };
  } finally {
    context.end();
  }
}

// A result with errors may lack the event's own cursor, so that it stands beside it: the client must be able to go on after it.
function serialise(
  key: CursorKey,
  event: JournalEvent,
  data: unknown,
  errors: readonly GraphQLFormattedError[] | undefined,
): Buffer {
  return Buffer.from(
    JSON.stringify(errors ? { data, errors, extensions: { cursor: encodeCursor(key, event, event) } } : { data }),
  );
}
