import { GraphQLError, type GraphQLFormattedError } from 'graphql';

import { AppError, ERROR_CODES, type ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';

/** Codes of the protocol, besides those of the graph: they never stand in a payload. */
export type TransportCode =
  | 'PERSISTED_QUERY_NOT_FOUND'
  | 'BODY_TOO_LARGE'
  | 'METHOD_NOT_ALLOWED'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'NOT_ACCEPTABLE';
export type WireCode = ErrorCode | TransportCode;

/** An error as it leaves: a sentence, a code, and never anything of our insides. */
export interface WireError extends GraphQLFormattedError {
  readonly extensions: { readonly code: WireCode; readonly [name: string]: unknown };
}

const KNOWN_CODES: ReadonlySet<string> = new Set<WireCode>([
  ...ERROR_CODES,
  'PERSISTED_QUERY_NOT_FOUND',
  'BODY_TOO_LARGE',
  'METHOD_NOT_ALLOWED',
  'UNSUPPORTED_MEDIA_TYPE',
  'NOT_ACCEPTABLE',
]);

/** Refusals before execution: the caller's own document or variables are at fault, and the sentence says how. */
export function requestError(error: GraphQLError): WireError {
  const app = appErrorOf(error);
  if (app) return wireOfApp(app, error);
  const { code, details } = error.extensions;
  const known = typeof code === 'string' && KNOWN_CODES.has(code) ? (code as WireCode) : 'INVALID_INPUT';
  return {
    message: withoutValue(error.message),
    ...places(error),
    extensions: { code: known, ...(details !== undefined && { details }) },
  };
}

// What was sent is never repeated: beside the field at fault there may be a password.
function withoutValue(message: string): string {
  return message.replace(/,? found: [^]*$/i, '.').replace(/( cannot represent [^:]*): [^]*$/, '$1.');
}

/** Errors of execution: an AppError as itself; anything else is a defect, told by the request's id alone and logged with its cause. */
export function executionError(error: GraphQLError, log: () => Logger, requestId: string): WireError {
  const app = appErrorOf(error);
  if (app && app.code !== 'INTERNAL') {
    if (app.logMessage !== app.message) log().info({ code: app.code, path: error.path }, app.logMessage);
    return wireOfApp(app, error);
  }
  if (isArgumentError(error)) {
    return { ...refusal('INVALID_INPUT', 'An argument got null where it needs a value.'), ...places(error) };
  }
  log().error({ err: causeOf(error) ?? error, path: error.path }, 'A resolver failed');
  return { ...internal(requestId), ...places(error) };
}

/** What was thrown outside of execution. */
export function thrownError(error: unknown, log: () => Logger, requestId: string): WireError {
  if (error instanceof GraphQLError) return requestError(error);
  if (error instanceof AppError && error.code !== 'INTERNAL') {
    if (error.logMessage !== error.message) log().info({ code: error.code }, error.logMessage);
    return wireOfApp(error, null);
  }
  log().error({ err: error }, 'A request failed');
  return internal(requestId);
}

export function refusal(code: WireCode, message: string, details?: Readonly<Record<string, unknown>>): WireError {
  return { message, extensions: { code, ...(details && { details }) } };
}

function internal(requestId: string): WireError {
  return { message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL', requestId } };
}

function wireOfApp(error: AppError, at: GraphQLError | null): WireError {
  return {
    message: error.message,
    ...(at && places(at)),
    extensions: {
      code: error.code,
      ...(error.field && { field: error.field }),
      ...(error.details && { details: error.details }),
    },
  };
}

function places(error: GraphQLError): Pick<GraphQLFormattedError, 'locations' | 'path'> {
  return { ...(error.locations && { locations: error.locations }), ...(error.path && { path: error.path }) };
}

// Both executors wrap what a resolver threw, some of it twice.
function appErrorOf(error: GraphQLError): AppError | null {
  let cause: unknown = error;
  for (let depth = 0; depth < 5; depth += 1) {
    if (cause instanceof AppError) return cause;
    if (!(cause instanceof GraphQLError)) return null;
    cause = causeOf(cause);
  }
  return null;
}

/** A variable that is null where the argument has a default and needs a value: found only when the field is reached. */
function isArgumentError(error: GraphQLError): boolean {
  const cause = causeOf(error);
  return (cause === undefined || cause instanceof GraphQLError) && error.message.startsWith('Argument "');
}

// Compiled execution knows what was thrown by its older name only.
function causeOf(error: GraphQLError): unknown {
  return error.cause ?? (error as { originalError?: unknown }).originalError;
}

const STATUS: Readonly<Partial<Record<WireCode, number>>> = {
  UNAUTHENTICATED: 401,
  TOKEN_EXPIRED: 401,
  KEY_REVOKED: 401,
  FORBIDDEN: 403,
  TENANT_INACTIVE: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  OVERLOADED: 503,
  DEADLINE_EXCEEDED: 504,
  PERSISTED_QUERY_NOT_FOUND: 200,
};

/** The HTTP status of a request that was refused as a whole. */
export function statusOf(code: WireCode): number {
  return STATUS[code] ?? 400;
}
