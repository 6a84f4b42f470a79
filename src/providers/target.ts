import type { Credentials, NotDoneReason, Outcome } from '../integrations/contract.ts';
import { notDone } from '../integrations/outcome.ts';
import type { ProviderConnection, ProviderDescription, ProviderMode } from '../integrations/travel.ts';
import type { OpenedCredentials } from './catalogue.ts';
import type { CatalogueProvider } from './contract.ts';
import type { Member } from './members.ts';

/** One provider as a call meets it. */
export interface Target {
  readonly provider: CatalogueProvider;
  readonly description: ProviderDescription;
  readonly mode: ProviderMode;
  readonly opened: OpenedCredentials;
  readonly member: Member;
  /** The call is part of a tenant's fault drill, and says nothing to anybody else. */
  readonly isDrill: boolean;
}

export function connectionOf({ provider, mode }: Target, credentials: Credentials): ProviderConnection {
  return { baseUrl: provider.baseUrls[mode], mode, credentials, settings: provider.settings };
}

export function refusalOf({ state }: OpenedCredentials): Outcome<never> | null {
  if (state === 'MISSING') return notDone('misconfigured', 'credentials are missing');
  return state === 'DECRYPTION_FAILED' ? notDone('misconfigured', 'a credential does not decrypt') : null;
}

const REASONS: Readonly<Record<NotDoneReason, string>> = {
  misconfigured: 'The provider refuses the credentials or the address',
  rejected: 'The provider refuses the request',
  unavailable: 'The provider does not answer as it should',
  rateLimited: 'The provider asks us to wait',
};

/** Why a connection test did not pass, for people; null where it did. */
export function reasonOf(outcome: Outcome<null>): string | null {
  if (outcome.kind === 'done') return null;
  if (outcome.kind === 'unknown') return `The provider gave no clear answer: ${outcome.detail}.`;
  return `${REASONS[outcome.reason]}: ${outcome.detail}.`;
}
