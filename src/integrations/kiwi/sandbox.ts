import type { BookInput, ProviderConnection } from '../travel.ts';
import { textSetting } from './settings.ts';

/**
 * One host serves both worlds: a booking is a sandbox's because its first passenger is called test test, and everything
 * else is a live booking that costs money (travel-providers.md 3.2). So a sandbox connection saves nothing else, and
 * pays for nothing that the vendor did not itself mark as sandbox; a production connection does the reverse, or a
 * customer would pay for a flight that does not exist. A simulator on this machine may be freed of the rule.
 */
export type Guard = 'sandbox' | 'production' | 'none';

export function guardOf(connection: ProviderConnection): Guard {
  if (connection.mode === 'PRODUCTION') return 'production';
  const isFree = textSetting(connection, 'SANDBOX_PASSENGERS') === 'any' && isOnThisMachine(connection.baseUrl);
  return isFree ? 'none' : 'sandbox';
}

/** Before anything is sent. @returns why these travellers may not be saved, or null */
export function guardRefusal(guard: Guard, { travellers }: Pick<BookInput, 'travellers'>): string | null {
  const first = 'passengers' in travellers ? travellers.passengers[0] : undefined;
  const isTest = [first?.givenName, first?.familyName].every((name) => name?.trim().toLowerCase() === 'test');
  if (guard === 'sandbox' && !isTest) {
    return 'in sandbox mode the first passenger must be called test test: the vendor books anybody else in earnest';
  }
  if (guard === 'production' && isTest) {
    return 'the vendor books nothing for a first passenger called test test, and this is production';
  }
  return null;
}

/** After it was saved, before it is paid. @param sandbox what the vendor says of the booking */
export function sandboxMismatch(guard: Guard, sandbox: boolean): string | null {
  if (guard === 'sandbox' && !sandbox) return 'the vendor took it for a live booking';
  return guard === 'production' && sandbox ? 'the vendor took it for a sandbox booking' : null;
}

function isOnThisMachine(baseUrl: string): boolean {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
