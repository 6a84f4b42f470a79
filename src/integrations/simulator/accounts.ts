import { z } from 'zod';
import type { Store } from './store.ts';

/** The accounts of a simulated vendor, found by our name of them or by the vendor's own key. */
export interface Accounts<A> {
  account(id: string): A | undefined;
  /** Our name of the account with this key. */
  byKey(key: string): string | null;
  /** @throws Error with a sentence for the caller of the control API: bad settings, or another account has the key */
  putAccount(id: string, settings: unknown): void;
}

const ACCOUNTS = 'accounts';

/** @param taken is said where another account has the key */
export function openAccounts<A>(
  store: Store,
  shape: z.ZodType<A>,
  keyOf: (account: A) => string,
  taken: string,
): Accounts<A> {
  const ids = new Map<string, string>();
  for (const [id, account] of store.entries<A>(ACCOUNTS)) ids.set(keyOf(account), id);
  return {
    account: (id) => store.get<A>(ACCOUNTS, id),
    byKey: (key) => ids.get(key) ?? null,
    putAccount: (id, settings) => {
      const parsed = shape.safeParse(settings);
      if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
      const holder = ids.get(keyOf(parsed.data));
      if (holder !== undefined && holder !== id) throw new Error(taken);
      const before = store.get<A>(ACCOUNTS, id);
      if (before) ids.delete(keyOf(before));
      ids.set(keyOf(parsed.data), id);
      store.put(ACCOUNTS, id, parsed.data);
    },
  };
}
