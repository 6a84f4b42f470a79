import { MailKind, MailState, MailTransportKind } from '../generated/prisma/enums.ts';
import type { CredentialRow } from '../loaders.ts';
import {
  configureEmailSender,
  emailSenderOf,
  senderCredentialsOf,
  verifyEmailSender,
  type EmailSenderRow,
} from '../resolvers/mail-sender.ts';
import {
  mailCountsOf,
  mailTemplatesOf,
  setMailTemplate,
  type MailCount,
  type MailTemplateRow,
} from '../resolvers/mail-template.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { runVerb } from './mutation.ts';
import { TenantPayload } from './tenant.ts';

const MailTransportType = builder.enumType('MailTransport', {
  description: 'How mail leaves: by a mail server, or by Amazon SES.',
  values: Object.values(MailTransportKind),
});
const MailKindType = builder.enumType('MailKind', {
  description: 'What a mail is about.',
  values: Object.values(MailKind),
});
const MailStateType = builder.enumType('MailState', {
  description: 'What became of a mail. NOT_SENT has a reason, and so have bounces.',
  values: Object.values(MailState),
});

const SenderCredential = builder.objectRef<CredentialRow>('EmailSenderCredential').implement({
  description: 'That a credential is there, and which. Its value is never shown (PRV-3).',
  fields: (t) => ({
    name: t.exposeString('name'),
    lastFour: t.exposeString('lastFour', { nullable: true }),
    version: t.exposeInt('version'),
  }),
});

const EmailSender = builder.objectRef<EmailSenderRow>('EmailSender').implement({
  description: "How the tenant's mail leaves. Until it is verified the platform sends in the tenant's name.",
  fields: (t) => ({
    transport: t.expose('transport', { type: MailTransportType }),
    enabled: t.exposeBoolean('enabled', { description: 'Off: nothing is sent at all.' }),
    fromAddress: t.expose('fromAddress', { type: 'EmailAddress' }),
    fromName: t.exposeString('fromName', { nullable: true }),
    replyTo: t.expose('replyTo', { type: 'EmailAddress', nullable: true }),
    smtpHost: t.exposeString('smtpHost', { nullable: true }),
    smtpPort: t.exposeInt('smtpPort', { nullable: true }),
    sesRegion: t.exposeString('sesRegion', { nullable: true }),
    transactionalSet: t.exposeString('transactionalSet', { nullable: true }),
    marketingSet: t.exposeString('marketingSet', { nullable: true }),
    topicArn: t.exposeString('topicArn', { nullable: true }),
    verifiedAt: t.expose('verifiedAt', { type: 'DateTime', nullable: true }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    credentials: t.field({
      type: [SenderCredential],
      resolve: (sender, _args, ctx) => senderCredentialsOf(ctx, sender),
    }),
  }),
});

const MailTemplate = builder.objectRef<MailTemplateRow>('MailTemplate').implement({
  description: "A tenant's own words for a kind of mail in one language.",
  fields: (t) => ({
    kind: t.expose('kind', { type: MailKindType }),
    locale: t.expose('locale', { type: 'Locale' }),
    subject: t.exposeString('subject'),
    text: t.exposeString('text'),
  }),
});

const MailCountType = builder.objectRef<MailCount>('MailCount').implement({
  description: 'How many mails of a kind came to the same end.',
  fields: (t) => ({
    kind: t.expose('kind', { type: MailKindType }),
    state: t.expose('state', { type: MailStateType }),
    reason: t.exposeString('reason', { nullable: true }),
    count: t.int({ resolve: ({ count }) => Number(count) }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  emailSender: t.field({
    type: EmailSender,
    nullable: true,
    description: '[tenantAdmin]',
    resolve: (tenant, _args, ctx) => emailSenderOf(ctx, tenant),
  }),
  mailTemplates: t.field({
    type: [MailTemplate],
    description: "The tenant's own words; for everything else there are ours. [tenantAdmin]",
    resolve: (tenant, _args, ctx) => mailTemplatesOf(ctx, tenant),
  }),
  mailCounts: t.field({
    type: [MailCountType],
    description: 'What became of the mails of the last seven days. [tenantAdmin]',
    resolve: (tenant, _args, ctx) => mailCountsOf(ctx, tenant),
  }),
}));

const SenderCredentialInput = builder.inputType('EmailSenderCredentialInput', {
  fields: (t) => ({ name: t.string({ required: true }), value: t.string({ required: true }) }),
});
const ConfigureEmailSenderInput = builder.inputType('ConfigureEmailSenderInput', {
  description: 'What is left out is empty; credentials and `enabled` stay.',
  fields: (t) => ({
    tenantId: t.id(),
    transport: t.field({ type: MailTransportType, required: true }),
    enabled: t.boolean({ description: 'On when first configured.' }),
    fromAddress: t.field({ type: 'EmailAddress', required: true }),
    fromName: t.string(),
    replyTo: t.field({ type: 'EmailAddress' }),
    smtpHost: t.string(),
    smtpPort: t.int({ description: '587 where none is given. 465 and 2465 begin with TLS.' }),
    sesRegion: t.string(),
    transactionalSet: t.string({ description: 'The configuration set of mails somebody waits for.' }),
    marketingSet: t.string({ description: 'The configuration set of newsletters.' }),
    topicArn: t.string({ description: 'The topic of SNS that tells of bounces and complaints.' }),
    credentials: t.field({
      type: [SenderCredentialInput],
      description: 'SMTP: USER, PASSWORD (or SECRET_ACCESS_KEY at SES). SES: ACCESS_KEY_ID, SECRET_ACCESS_KEY.',
    }),
    idempotencyKey: t.string(),
  }),
});
const VerifyEmailSenderInput = builder.inputType('VerifyEmailSenderInput', {
  fields: (t) => ({ tenantId: t.id(), idempotencyKey: t.string() }),
});
const SetMailTemplateInput = builder.inputType('SetMailTemplateInput', {
  fields: (t) => ({
    tenantId: t.id(),
    kind: t.field({ type: MailKindType, required: true }),
    locale: t.field({ type: 'Locale', required: true }),
    subject: t.string({ description: 'Without subject and text our own words are used again.' }),
    text: t.string({
      description:
        'Paragraphs divided by empty lines; {shop}, {name}, {link}, {number} and {total} stand for what they say.',
    }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  configureEmailSender: t.field({
    type: TenantPayload,
    description: "Says how the tenant's mail leaves; credentials are encrypted and never shown again. [tenantAdmin]",
    args: { input: t.arg({ type: ConfigureEmailSenderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => configureEmailSender(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
  verifyEmailSender: t.field({
    type: TenantPayload,
    description: 'Asks the mail service whether it takes mail from this address. [tenantAdmin]',
    args: { input: t.arg({ type: VerifyEmailSenderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => verifyEmailSender(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
  setMailTemplate: t.field({
    type: TenantPayload,
    description: "The tenant's own words for a kind of mail in one language. [tenantAdmin]",
    args: { input: t.arg({ type: SetMailTemplateInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => setMailTemplate(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
