/**
 * One closed list of error codes (graph.graphql, `ErrorCode`) and the two sentences every error carries:
 * one for the customer (`message`), one for the log (`logMessage`). A code never changes its meaning.
 */
export const ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'INVALID_INPUT',
  'INVALID_STATE',
  'CONFLICT',
  'TENANT_INACTIVE',
  'KEY_REVOKED',
  'FEATURE_DISABLED',
  'RATE_LIMITED',
  'QUERY_TOO_COSTLY',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'IDEMPOTENCY_KEY_REUSED',
  'IDEMPOTENCY_INPUT_MISMATCH',
  'OPERATION_IN_FLIGHT',
  'CURSOR_INVALID',
  'CURSOR_EXPIRED',
  'INVALID_CREDENTIALS',
  'EMAIL_TAKEN',
  'WEAK_PASSWORD',
  'ERASURE_BLOCKED',
  'TOKEN_EXPIRED',
  'TOKEN_REUSED',
  'ORDER_NOT_PAYABLE',
  'PAYMENT_PENDING',
  'AMOUNT_MISMATCH',
  'CURRENCY_MISMATCH',
  'REFUND_EXCEEDS_PAID',
  'INSUFFICIENT_BALANCE',
  'INSUFFICIENT_POINTS',
  'OUT_OF_STOCK',
  'TIME_TAKEN',
  'TIME_NOT_OFFERED',
  'OUTSIDE_NOTICE',
  'TOO_MANY_UNPAID',
  'RESOURCE_IN_USE',
  'NO_PROVIDER',
  'PROVIDER_UNAVAILABLE',
  'PROVIDER_REJECTED',
  'CIRCUIT_OPEN',
  'DECRYPTION_FAILED',
  'CREDENTIALS_MISSING',
  'CONNECTION_TEST_REQUIRED',
  'CONNECTION_TEST_FAILED',
  'OFFER_EXPIRED',
  'PRICE_CHANGED',
  'SOLD_OUT',
  'RISK_TOO_HIGH',
  'OUTCOME_UNKNOWN',
  'INVENTORY_UNAVAILABLE',
  'GATEWAY_UNAVAILABLE',
  'GATEWAY_REJECTED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorFacts {
  /** Path of the input field at fault, outermost first. */
  readonly field?: readonly string[];
  /** Machine-readable facts for the caller (currentTotal, differingField, retryAt ...). Never secrets or personal data. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The sentence for the log; the customer never sees it. Never secrets or personal data. */
  readonly log?: string;
  readonly cause?: unknown;
}

/**
 * An expected failure with a code. Verbs throw it; a mutation's payload shows it as a `userError`, anything else
 * as a top-level error with `extensions.code`. Whatever is thrown that is not an AppError is a defect: INTERNAL.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly field: readonly string[] | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly logMessage: string;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'AppError';
    this.code = code;
    this.field = facts.field;
    this.details = facts.details;
    this.logMessage = facts.log ?? message;
  }
}

/** Another tenant's object does not exist: the same answer whether the id is unknown or not ours. */
export function notFound(what: string, field?: readonly string[]): AppError {
  return new AppError('NOT_FOUND', `No such ${what}.`, field ? { field } : {});
}

export function invalidInput(message: string, field?: readonly string[], log?: string): AppError {
  return new AppError('INVALID_INPUT', message, { ...(field && { field }), ...(log && { log }) });
}
