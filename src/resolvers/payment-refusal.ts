import { AppError } from '../errors.ts';
import type { Outcome } from '../integrations/contract.ts';

/** What is said to somebody whose call to a gateway certainly had no effect. */
export function refusalOf(outcome: Exclude<Outcome<unknown>, { kind: 'done' }>): AppError {
  if (outcome.kind === 'notDone' && (outcome.reason === 'rejected' || outcome.reason === 'misconfigured')) {
    return new AppError('GATEWAY_REJECTED', 'The payment service did not accept this.', {
      log: outcome.detail,
    });
  }
  const retryAt = outcome.kind === 'notDone' ? outcome.retryAt?.toISOString() : undefined;
  return new AppError('GATEWAY_UNAVAILABLE', 'The payment service does not answer. Please try again shortly.', {
    log: outcome.detail,
    ...(retryAt && { details: { retryAt } }),
  });
}
