import { z } from 'zod';
import { openAccounts, type Accounts } from '../simulator/accounts.ts';
import type { SimulatorWorld } from '../simulator/types.ts';
import { makeSigningIdentity, type SigningIdentity } from './simulator-certificates.ts';

/** What the simulated SES and SNS remember. */

const AccountSettings = z.object({
  accessKeyId: z.string().min(8),
  secretAccessKey: z.string().min(16),
  region: z.string().default('ap-northeast-1'),
  /** Domains whose identity is verified. */
  verifiedDomains: z.array(z.string()).default([]),
  configurationSets: z.array(z.string()).default([]),
  topicArn: z.string().optional(),
  /** What is subscribed to the topic: it must confirm before it is told anything. */
  endpoint: z.url().optional(),
  signatureVersion: z.enum(['1', '2']).default('2'),
  /** In the sandbox only verified domains and the mailbox simulator are sent to. */
  sandbox: z.boolean().default(false),
  retryDelaysMs: z.array(z.number().int().min(0)).default([1_000, 5_000, 20_000]),
});
export type Account = z.infer<typeof AccountSettings>;

export interface SentMail {
  readonly messageId: string;
  readonly account: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly configurationSet: string | null;
  readonly tags: readonly { readonly Name: string; readonly Value: string }[];
  /** The message as it was handed over, in base64, where it was handed over whole. */
  readonly raw: string | null;
  readonly subject: string | null;
  readonly sentAt: string;
}

export interface Ledger extends Accounts<Account> {
  nextId(account: string): string;
  keep(mail: SentMail): void;
  mails(account: string | null): SentMail[];
  published(account: string | null): unknown[];
  keepPublished(account: string, message: object): void;
  isConfirmed(account: Account): boolean;
  confirm(topicArn: string, token: string): boolean;
  tokenOf(account: Account): string;
  reset(id: string): void;
  identity(): SigningIdentity;
}

export function openLedger(world: SimulatorWorld): Ledger {
  const { store } = world;
  const accounts = openAccounts(store, AccountSettings, (one) => one.accessKeyId, 'Another account has this key.');
  const of = <T extends { account: string }>(collection: string, account: string | null): T[] =>
    [...store.entries<T>(collection)]
      .map(([, one]) => one)
      .filter((one) => account === null || one.account === account);
  const count = (name: string): number => {
    const next = (store.get<number>('counters', name) ?? 0) + 1;
    store.put('counters', name, next);
    return next;
  };
  const tokenOf = (account: Account): string =>
    Buffer.from(`${account.topicArn} ${account.endpoint}`).toString('hex').slice(-64);
  return {
    ...accounts,
    nextId: (account) => {
      const number = count(`mail ${account}`);
      return `0106${number.toString(16).padStart(12, '0')}-${Buffer.from(account).toString('hex').slice(0, 8).padEnd(8, '0')}-000000`;
    },
    keep: (mail) => store.put('mails', mail.messageId, mail),
    mails: (account) => of<SentMail>('mails', account),
    published: (account) => of<{ account: string; message: object }>('published', account).map((one) => one.message),
    keepPublished: (account, message) => store.put('published', String(count('published')), { account, message }),
    isConfirmed: (account) => store.get('confirmed', tokenOf(account)) !== undefined,
    confirm: (topicArn, token) => {
      const known = [...store.entries<Account>('accounts')].find(
        ([, one]) => one.topicArn === topicArn && tokenOf(one) === token,
      );
      if (known) store.put('confirmed', token, true);
      return known !== undefined;
    },
    tokenOf,
    reset: (id) => {
      for (const mail of of<SentMail>('mails', id)) store.remove('mails', mail.messageId);
      store.remove('counters', `mail ${id}`);
    },
    // Made when it is first needed: two keys cost a good part of a second.
    identity: () => {
      const kept = store.get<SigningIdentity>('identity', 'sns');
      if (kept) return kept;
      const made = makeSigningIdentity('sns.amazonaws.com', world.now());
      store.put('identity', 'sns', made);
      return made;
    },
  };
}
