import type { ObjectRef } from '@pothos/core';

import type { Context } from '../context.ts';
import { AppError, ERROR_CODES, type ErrorCode } from '../errors.ts';
import { userErrorOf, type Done, type UserErrorShape } from '../operations.ts';
import { builder } from './builder.ts';

export const ErrorCodeType = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs. A code never changes its meaning.',
  values: ERROR_CODES,
});

export const UserError = builder.objectRef<UserErrorShape>('UserError').implement({
  description: 'An expected refusal of a mutation: nothing was done.',
  fields: (t) => ({
    code: t.field({ type: ErrorCodeType, resolve: (error) => error.code }),
    field: t.stringList({
      nullable: true,
      description: 'The input field at fault, outermost first.',
      resolve: (error) => (error.field ? [...error.field] : null),
    }),
    message: t.exposeString('message', { description: 'A sentence for the customer.' }),
    details: t.field({
      type: 'JSON',
      nullable: true,
      description: 'Facts for programs: currentTotal, differingField, retryAt ...',
      resolve: (error) => error.details ?? null,
    }),
  }),
});

/** Result or errors; `result` is null exactly when `userErrors` is not empty. */
export interface Payload<T> {
  readonly result: T | null;
  readonly userErrors: readonly UserErrorShape[];
  /** What is shown in this answer only. */
  readonly once?: Readonly<Record<string, unknown>>;
}

type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : never;

/** A payload type whose result field bears the object's name in lower case (graph.graphql, "Payloads"). */
export function payloadType<T>(name: string, field: string, type: ObjectRef<Types, T>) {
  return builder.objectRef<Payload<T>>(name).implement({
    fields: (t) => ({
      [field]: t.field({ type: type as never, nullable: true, resolve: (payload) => payload.result as never }),
      userErrors: t.field({ type: [UserError], resolve: (payload) => [...payload.userErrors] }),
    }),
  });
}

/** What is gone, by its id. */
export const DeletePayload = builder.objectRef<Payload<string>>('DeletePayload').implement({
  fields: (t) => ({
    deletedId: t.id({ nullable: true, resolve: (payload) => payload.result }),
    userErrors: t.field({ type: [UserError], resolve: (payload) => [...payload.userErrors] }),
  }),
});

/** Codes that concern the request and not its input: they are top-level errors everywhere. */
const TOP_LEVEL: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'TOKEN_EXPIRED',
  'KEY_REVOKED',
  'TENANT_INACTIVE',
  'RATE_LIMITED',
  'QUERY_TOO_COSTLY',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
]);

/**
 * Runs a verb and shows its result. The snapshot is closed meanwhile, because the verb owns its transactions and the payload's fields
 * are read afterwards in a fresh one. Expected refusals become userErrors.
 */
export function runVerb<T>(
  ctx: Context,
  verb: () => Promise<Done>,
  load: (id: string) => Promise<T | null>,
): Promise<Payload<T>> {
  return orErrors(async () => {
    const done = await outsideSnapshot(ctx, verb);
    return { result: await load(done.id), userErrors: [], ...(done.once && { once: done.once }) };
  });
}

async function outsideSnapshot<T>(ctx: Context, verb: () => Promise<T>): Promise<T> {
  try {
    return await ctx.reads.pauseFor(verb);
  } finally {
    // Also a refused verb may have written: a payment that the gateway declined has its events.
    ctx.loaders.clear();
    ctx.app.journal.wake();
  }
}

async function orErrors<T>(work: () => Promise<Payload<T>>): Promise<Payload<T>> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || TOP_LEVEL.has(error.code)) throw error;
    return { result: null, userErrors: [userErrorOf(error)] };
  }
}
