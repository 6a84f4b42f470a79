import type { SimulatorAnswer, SimulatorRequest } from '../simulator/types.ts';
import { json, wrongMethod } from '../simulator/answer.ts';
import { fieldsOf } from './simulator-answers.ts';
import type { Ledger } from './simulator-model.ts';
import type { Vault } from './simulator-vault.ts';

/** POST /oauth/token (payment-gateways.md 1.1): both grants, and a client that is checked. */

export const TOKEN_PATH = '/oauth/token';

/** The account a token request is about, whether or not its secret is right. */
export function clientOf(vault: Vault, request: SimulatorRequest): string | null {
  return vault.accountByClient(textOf(fieldsOf(request)['client_id']));
}

export function performToken(ledger: Ledger, vault: Vault, request: SimulatorRequest): SimulatorAnswer {
  if (request.method !== 'POST') return wrongMethod();
  const fields = fieldsOf(request);
  const grant = textOf(fields['grant_type']);
  if (grant !== 'client_credentials' && grant !== 'refresh_token') {
    return failure(400, 'unsupported_grant_type', 'The authorization grant type is not supported.');
  }
  const account = clientOf(vault, request);
  const settings = account === null ? undefined : ledger.account(account);
  const secret = settings?.clientSecret;
  if (account === null || secret === undefined || textOf(fields['client_secret']) !== secret) {
    return failure(401, 'invalid_client', 'Client authentication failed');
  }
  ledger.countCall(account);
  if (grant === 'refresh_token') {
    const given = textOf(fields['refresh_token']);
    if (vault.holderOf(given, 'refresh') !== account) {
      return failure(400, 'invalid_grant', 'The refresh token is invalid.');
    }
    vault.spend(given);
  }
  const seconds = settings?.tokenSeconds ?? 0;
  const { access, refresh } = vault.issue(account, seconds);
  return json(200, { token_type: 'Bearer', expires_in: seconds, access_token: access, refresh_token: refresh });
}

function failure(status: number, error: string, description: string): SimulatorAnswer {
  return json(status, { error, error_description: description, message: description });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
