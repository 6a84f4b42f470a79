import { createHash } from 'node:crypto';
import type { SimulatorWorld } from '../simulator/types.ts';
import type { Account, Ledger } from './simulator-model.ts';

/** What the simulated vendor keeps for version 3: tokens and refund requests, over the simulator's store. */

export interface RefundRequest {
  readonly account: string;
  readonly id: number;
  /** Names the page with the vendor's buttons. */
  readonly key: string;
  readonly invoiceId: number;
  readonly cents: number;
  readonly currency: string;
  readonly reason: string;
  readonly comment: string | null;
  readonly createdAt: string;
  readonly state: 'pending' | 'approved' | 'rejected' | 'deleted';
  readonly approvedAt: string | null;
  /** Real time in milliseconds at which it counts as approved; null: by its page. */
  readonly approvesAtMs: number | null;
}

interface Token {
  readonly account: string;
  readonly kind: 'access' | 'refresh';
  readonly expiresAtMs: number;
}

interface Numbers {
  readonly tokens: number;
  readonly refunds: number;
}

export interface Vault {
  accountByClient(clientId: string): string | null;
  /** @returns the account a living token of this kind speaks for */
  holderOf(token: string, kind: Token['kind']): string | null;
  /** @returns a new pair; they follow from the account, its seed and how many it had. */
  issue(account: string, seconds: number): { access: string; refresh: string };
  /** A refresh token is good for once. */
  spend(token: string): void;
  revoke(account: string): void;
  nextRefund(account: string): number;
  save(refund: RefundRequest): void;
  byPage(key: string): RefundRequest | undefined;
  /** As they stand now, oldest first. */
  refunds(account: string | null): RefundRequest[];
  reset(account: string): void;
}

const [TOKENS, REFUNDS, REFUND_PAGES, NUMBERS] = ['tokens', 'refunds', 'refundPages', 'versionThreeNumbers'] as const;
const REFRESH_SECONDS = 63_072_000;

export function openVault(world: SimulatorWorld, ledger: Ledger): Vault {
  const { store } = world;
  const numbers = (account: string): Numbers => store.get<Numbers>(NUMBERS, account) ?? { tokens: 0, refunds: 0 };
  const next = (account: string, name: keyof Numbers): number => {
    const after = { ...numbers(account), [name]: numbers(account)[name] + 1 };
    store.put(NUMBERS, account, after);
    return after[name];
  };
  const now = (): number => world.now().getTime();
  const asOfNow = (refund: RefundRequest): RefundRequest =>
    refund.state === 'pending' && refund.approvesAtMs !== null && refund.approvesAtMs <= now()
      ? { ...refund, state: 'approved' }
      : refund;
  const grant = (account: string, kind: Token['kind'], text: string, seconds: number): string => {
    store.put(TOKENS, digest(text), { account, kind, expiresAtMs: now() + seconds * 1_000 } satisfies Token);
    return text;
  };
  const vault: Vault = {
    accountByClient: (clientId) => ledger.accountBy((one: Account) => clientId !== '' && one.clientId === clientId),
    holderOf: (token, kind) => {
      const held = store.get<Token>(TOKENS, digest(token));
      return held?.kind === kind && held.expiresAtMs > now() ? held.account : null;
    },
    issue: (account, seconds) => {
      const nth = next(account, 'tokens');
      return {
        access: grant(account, 'access', ledger.derive(account, `access token:${nth}`), seconds),
        refresh: grant(account, 'refresh', ledger.derive(account, `refresh token:${nth}`), REFRESH_SECONDS),
      };
    },
    spend: (token) => store.remove(TOKENS, digest(token)),
    revoke: (account) => {
      const held = [...store.entries<Token>(TOKENS)].filter(([, token]) => token.account === account);
      for (const [place] of held) store.remove(TOKENS, place);
    },
    nextRefund: (account) => next(account, 'refunds'),
    save: (refund) => {
      store.put(REFUNDS, `${refund.account}/${refund.id}`, refund);
      store.put(REFUND_PAGES, refund.key, `${refund.account}/${refund.id}`);
    },
    byPage: (key) => {
      const found = store.get<RefundRequest>(REFUNDS, store.get<string>(REFUND_PAGES, key) ?? '');
      return found && asOfNow(found);
    },
    refunds: (account) =>
      [...store.entries<RefundRequest>(REFUNDS)]
        .map(([, refund]) => asOfNow(refund))
        .filter((one) => account === null || one.account === account),
    reset: (account) => {
      vault.revoke(account);
      for (const refund of vault.refunds(account)) {
        store.remove(REFUNDS, `${account}/${refund.id}`);
        store.remove(REFUND_PAGES, refund.key);
      }
      store.remove(NUMBERS, account);
    },
  };
  return vault;
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
