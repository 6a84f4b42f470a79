import { pagesBase } from '../by-form.ts';
import type { Credentials, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { ProviderConnection, ProviderMode } from '../travel.ts';
import { readSettings, type Settings } from './settings.ts';

/** A connection whose parts can be used. */
export interface Account {
  readonly token: string;
  /** The partner's public id. */
  readonly marker: string;
  readonly settings: Settings;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly mode: ProviderMode;
  readonly credentials: Credentials;
}

/** The connection, or why nobody can be asked with it. */
export function openAccount({ credentials, settings, baseUrl, mode }: ProviderConnection): Account | Outcome<never> {
  const [token = '', marker = ''] = [credentials['TOKEN'], credentials['MARKER']];
  if (!/^[\x21-\x7e]{8,200}$/.test(token)) return notDone('misconfigured', 'TOKEN is missing or unusable');
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(marker)) return notDone('misconfigured', 'MARKER is missing or unusable');
  const read = readSettings(settings);
  if ('refused' in read) return notDone('misconfigured', read.refused);
  return { token, marker, settings: read, baseUrl: pagesBase(baseUrl), mode, credentials };
}

/** Whether the vendor itself is asked, and not a simulator. */
export function isVendors(baseUrl: string): boolean {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return host === 'travelpayouts.com' || host.endsWith('.travelpayouts.com');
}
