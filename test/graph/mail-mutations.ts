import { randomUUID } from 'node:crypto';

import { addressHash } from '../../src/resolvers/mail-outbox.ts';
import { makeToken, type TokenPurpose } from '../../src/resolvers/one-time-token.ts';
import { SES_KEYS } from '../helpers/mail.ts';
import type { Mutation, Situation, Stage } from './mutations.ts';

/** Situations of mail: senders at the simulated SES, and links as a mail would carry them. */

const ANSWER = 'tenant { id name }';
const LINK_IGNORES = 'A link works once by itself, and requests for mails are bounded.';

const numbers = async ({ shop }: Stage, query: string, values: readonly unknown[] = []): Promise<number> =>
  Number((await shop.world.owner<{ count: string }>(query, values))[0]!.count);
const audited = (stage: Stage, action: string) => async () => [
  await numbers(stage, 'select count(*) from audit_entries where tenant_id = $1 and action = $2', [
    stage.shop.tenantId,
    action,
  ]),
];
const portal = (stage: Stage) => stage.portal;
const tenantAdmin = (stage: Stage) => stage.tenantAdmin;

const sender = {
  transport: 'SES',
  fromAddress: 'shop@situations.example',
  credentials: [
    { name: 'ACCESS_KEY_ID', value: SES_KEYS.accessKeyId },
    { name: 'SECRET_ACCESS_KEY', value: SES_KEYS.secretAccessKey },
  ],
};

async function configured({ shop, tenantAdmin: as }: Stage): Promise<void> {
  await shop.world.simulators.register('ses', 'situations', { ...SES_KEYS, verifiedDomains: ['situations.example'] });
  const query =
    'mutation ($input: ConfigureEmailSenderInput!) { configureEmailSender(input: $input) { userErrors { code } } }';
  await shop.world.data(as, query, { input: sender });
}

/** A person with a link of a purpose. */
async function linked(stage: Stage, purpose: TokenPurpose): Promise<{ token: string; subjectId: string }> {
  const { world, tenantId } = stage.shop;
  const email = `${randomUUID()}@situations.example`;
  const subjectId = randomUUID();
  const insert =
    purpose === 'NEWSLETTER_CONFIRMATION'
      ? 'insert into newsletter_subscriptions (tenant_id, id, address, created_at) values ($1, $2, $3, now())'
      : "insert into users (tenant_id, id, email, role, password_hash, created_at) values ($1, $2, $3, 'CUSTOMER', 'x', now())";
  await world.owner(insert, [tenantId, subjectId, email]);
  const token = await world.app.db.write({ tenantId, customerId: null }, (tx) =>
    makeToken(world.app, tx, { purpose, subjectId, addressHash: addressHash(world.app, tenantId, email) }),
  );
  return { token, subjectId };
}

const byLink =
  (purpose: TokenPurpose, more: object = {}) =>
  async (stage: Stage): Promise<Situation> => {
    const { token, subjectId } = await linked(stage, purpose);
    return {
      input: { token, ...more },
      other: { field: 'token', value: 'x' },
      effects: async () => [
        await numbers(stage, 'select count(*) from one_time_tokens where subject_id = $1 and used_at is not null', [
          subjectId,
        ]),
      ],
    };
  };
const byAddress = async (stage: Stage): Promise<Situation> => ({
  input: { email: `${randomUUID()}@situations.example` },
  other: { field: 'email', value: `${randomUUID()}@situations.example` },
  effects: async () => [await numbers(stage, 'select count(*) from mail_messages')],
});

export const MAIL_MUTATIONS: Readonly<Record<string, Mutation>> = {
  liftMailSuppression: {
    as: ({ shop }) => shop.operator,
    answer: 'mailSuppression { id stream liftedAt }',
    prepare: async (stage) => {
      const ids = [randomUUID(), randomUUID()];
      for (const id of ids)
        await stage.shop.world.owner(
          "insert into mail_suppressions (tenant_id, id, address_hash, stream, reason, created_at) values ($1, $2, $3, 'MARKETING', 'COMPLAINT', now())",
          [stage.shop.tenantId, id, Buffer.from(id)],
        );
      const [suppressionId, value] = ids.map((id) => stage.shop.node('MailSuppression', id));
      return {
        input: { suppressionId },
        other: { field: 'suppressionId', value },
        effects: audited(stage, 'mailSuppression.lift'),
      };
    },
  },
  resumeMarketing: {
    as: ({ shop }) => shop.operator,
    answer: ANSWER,
    prepare: async (stage) => {
      await stage.shop.world.owner(
        `insert into marketing_pauses (tenant_id, reason, mails, bounces, complaints, paused_at) values ($1, 'BOUNCES', 100, 4, 0, now())
         on conflict (tenant_id) do update set resumed_at = null`,
        [stage.shop.tenantId],
      );
      return {
        input: {},
        other: { field: 'tenantId', value: stage.shop.node('Tenant', stage.shop.tenantId) },
        effects: audited(stage, 'marketing.resume'),
      };
    },
  },
  configureEmailSender: {
    as: tenantAdmin,
    answer: ANSWER,
    prepare: async (stage) => ({
      input: sender,
      other: { field: 'fromName', value: 'Another' },
      effects: audited(stage, 'emailSender.configure'),
    }),
  },
  verifyEmailSender: {
    as: tenantAdmin,
    answer: ANSWER,
    prepare: async (stage) => {
      await configured(stage);
      return {
        input: {},
        other: { field: 'tenantId', value: stage.shop.node('Tenant', stage.shop.tenantId) },
        effects: audited(stage, 'emailSender.verify'),
      };
    },
  },
  setMailTemplate: {
    as: tenantAdmin,
    answer: ANSWER,
    prepare: async (stage) => ({
      input: { kind: 'ORDER_PAID', locale: 'fr', subject: 'Merci', text: '{link}' },
      other: { field: 'subject', value: 'Bonjour' },
      effects: audited(stage, 'mailTemplate.set'),
    }),
  },
  requestPasswordReset: { as: portal, answer: 'requested', keyIgnored: LINK_IGNORES, prepare: byAddress },
  subscribeNewsletter: { as: portal, answer: 'requested', keyIgnored: LINK_IGNORES, prepare: byAddress },
  requestEmailVerification: {
    as: ({ shop }) => shop.customer,
    answer: 'requested',
    keyIgnored: LINK_IGNORES,
    prepare: async (stage) => {
      // Asked often here: the bound is for mailboxes, and has its own test.
      await stage.shop.world.owner("update rate_budgets set used = 0 where bucket like 'mail:%'");
      return { ...(await byAddress(stage)), input: {} };
    },
  },
  resetPassword: {
    as: portal,
    answer: 'session { user { id } }',
    keyIgnored: LINK_IGNORES,
    prepare: byLink('PASSWORD_RESET', { password: 'a-long-password' }),
  },
  verifyEmail: {
    as: portal,
    answer: 'verified',
    keyIgnored: LINK_IGNORES,
    prepare: byLink('EMAIL_VERIFICATION'),
  },
  confirmNewsletter: {
    as: portal,
    answer: 'confirmed',
    keyIgnored: LINK_IGNORES,
    prepare: byLink('NEWSLETTER_CONFIRMATION'),
  },
  unsubscribeNewsletter: {
    as: portal,
    answer: 'unsubscribed',
    keyIgnored: LINK_IGNORES,
    prepare: async (stage) => {
      const { shop } = stage;
      const { subjectId: id } = await linked(stage, 'NEWSLETTER_CONFIRMATION');
      return {
        input: { token: shop.world.app.vault.sign('unsubscribe', { tenantId: shop.tenantId, id }, null) },
        other: { field: 'token', value: 'x' },
        effects: async () => [
          await numbers(
            stage,
            "select count(*) from newsletter_subscriptions where id = $1 and state = 'UNSUBSCRIBED'",
            [id],
          ),
        ],
      };
    },
  },
};
