import { CombinedError } from 'urql';

import type { ErrorCode, RefusalFragment } from '../generated/graphql.ts';

/** What went wrong, however it was told: as a user error of a mutation, as an error of the whole answer, or not at all. */
export interface Fault {
  /** The graph's own codes never change their meaning. NO_ANSWER is ours: nobody was reached. */
  readonly code: ErrorCode | 'NO_ANSWER';
  /** A sentence for the customer. */
  readonly message: string;
  /** When asking again makes sense; null where nobody said. */
  readonly retryAt: Date | null;
  /** Times that are free instead. */
  readonly alternatives: readonly string[];
  /** The input field at fault, innermost name only. */
  readonly field: string | null;
}

export function faultOfRefusal({ code, message, details, field }: RefusalFragment): Fault {
  return faultOf(code, message, details, field?.at(-1) ?? null);
}

export function faultOfError(error: CombinedError): Fault {
  // What went wrong before the question was even sent: the session could not be refreshed.
  if (error.networkError instanceof CombinedError) return faultOfError(error.networkError);
  const { graphQLErrors, response } = error;
  const [first] = graphQLErrors;
  if (!first) return noAnswer();
  const { code, details } = first.extensions as { code?: ErrorCode; details?: unknown };
  const fault = faultOf(code ?? 'INTERNAL', first.message, details, null);
  return fault.retryAt ? fault : { ...fault, retryAt: retryAfter(response) };
}

export function noAnswer(): Fault {
  return faultOf('NO_ANSWER', 'The shop can not be reached at the moment.', null, null);
}

function faultOf(code: Fault['code'], message: string, details: unknown, field: string | null): Fault {
  const { retryAt, alternatives } = (details ?? {}) as { retryAt?: unknown; alternatives?: unknown };
  return {
    code,
    message: WORDS[code] ?? message,
    retryAt: typeof retryAt === 'string' ? new Date(retryAt) : null,
    alternatives: Array.isArray(alternatives) ? alternatives.map(String) : [],
    field,
  };
}

/** Where the page knows better words than the graph, which does not know what the customer was doing. */
const WORDS: Readonly<Partial<Record<Fault['code'], string>>> = {
  FEATURE_DISABLED: 'Appointments can not be booked here at the moment.',
  TIME_TAKEN: 'Somebody else has just taken this time.',
  INTERNAL: 'Something went wrong in the shop. Nothing was charged.',
};

/** The header is there for those who get no body, such as a browser that was refused at the door. */
function retryAfter(response: unknown): Date | null {
  const seconds = Number((response as Response | undefined)?.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? new Date(Date.now() + seconds * 1000) : null;
}
