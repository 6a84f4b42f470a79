import type { Clock } from '../clock.ts';
import type {
  GatewayPaymentState,
  OutboundCall,
  OutboundRequest,
  OutboundResponse,
  OutboundSend,
  Outcome,
  RefundInput,
} from './contract.ts';
import { OutboundFailure } from './http.ts';
import { notDone, rateLimited, sharedBudget, unanswered, unreadable } from './outcome.ts';

/** One request to a vendor; what an answer means is the vendor's own `judge`. */
export interface Asked<T> {
  readonly call: OutboundCall;
  /** Whether the call may change something there: then an answer we cannot read leaves the outcome unknown. */
  readonly effect: boolean;
  judge(response: OutboundResponse): Outcome<T>;
}

export async function ask<T>(send: OutboundSend, request: OutboundRequest, asked: Asked<T>): Promise<Outcome<T>> {
  const answered = await transmit(send, request, asked);
  return 'kind' in answered ? answered : asked.judge(answered);
}

/** The answer, or what it means that there is none. */
export async function transmit(
  send: OutboundSend,
  request: OutboundRequest,
  { call, effect }: Pick<Asked<unknown>, 'call' | 'effect'>,
): Promise<OutboundResponse | Outcome<never>> {
  try {
    return await send(request, call);
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error;
    return unanswered(error, effect);
  }
}

/** What every answer means that is no success, by its status. @param refusal the vendor's own sentence, where it gave one */
export function unsuccessful(
  response: OutboundResponse,
  { effect, clock, refusal }: { effect: boolean; clock: Clock; refusal: string | null },
): Outcome<never> {
  const { status } = response;
  if (status === 429) return rateLimited(response, clock);
  if (status === 401 || status === 403) return notDone('misconfigured', `the credential was refused (${status})`);
  if (status >= 500) return unreadable(status, effect);
  if (status < 300) return refusal === null ? unreadable(status, effect) : notDone('rejected', `refused: ${refusal}`);
  if (refusal !== null) return notDone('rejected', `refused (${status}): ${refusal}`);
  // A wrong path or method answers HTML, a wrong host redirects: both are ours to set right.
  const reason = status === 400 || status === 422 ? 'rejected' : 'misconfigured';
  return notDone(reason, `an answer of ${status} without a reason`);
}

/** Refunds are about the vendor's own id, a number; a payment settled without one is looked up first. */
export async function aboutTransaction<T>(
  clock: Clock,
  input: Pick<RefundInput, 'gatewayKey'>,
  call: OutboundCall,
  lookUp: (call: OutboundCall) => Promise<Outcome<GatewayPaymentState>>,
  act: (transaction: string, call: OutboundCall) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (input.gatewayKey !== null) {
    const isId = /^\d{1,20}$/.test(input.gatewayKey);
    return isId ? act(input.gatewayKey, call) : notDone('rejected', 'no transaction id');
  }
  const budget = sharedBudget(clock, call);
  const found = await lookUp(budget.next());
  if (found.kind !== 'done') return found;
  const transaction = found.value.gatewayKey;
  return transaction ? act(transaction, budget.next()) : notDone('rejected', 'the gateway holds no such payment');
}
