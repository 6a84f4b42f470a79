import { MailStream } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import {
  liftSuppression,
  listSuppressions,
  suppressionsByIds,
  type MailSuppressionRow,
} from '../resolvers/mail-suppression.ts';
import { marketingPauseOf, resumeMarketing, type MarketingPauseRow } from '../resolvers/marketing-pause.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { TenantPayload } from './tenant.ts';

const MailStreamType = builder.enumType('MailStream', {
  description:
    'Mail that somebody waits for (passwords, orders), or marketing. What stops one need not stop the other.',
  values: Object.values(MailStream),
});

const MailSuppression = builder.objectRef<MailSuppressionRow>('MailSuppression').implement({
  description:
    'An address that gets no more mail of a stream: after a permanent bounce or five passing ones of neither, after a complaint of marketing only.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => encodeGlobalId('MailSuppression', id) }),
    address: t.expose('address', {
      type: 'EmailAddress',
      nullable: true,
      description: 'Null where it was erased, or nobody named it; it is recognised all the same.',
    }),
    stream: t.expose('stream', { type: MailStreamType }),
    reason: t.exposeString('reason', { description: 'BOUNCE or COMPLAINT.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    liftedAt: t.expose('liftedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When somebody let the address be written to again.',
    }),
  }),
});
registerNode('MailSuppression', authorizedLoad('mail.read', suppressionsByIds));
const MailSuppressionConnection = connectionType<MailSuppressionRow & { cursorAt: string }>(
  'MailSuppression',
  MailSuppression as never,
);
const MailSuppressionPayload = payloadType<MailSuppressionRow>(
  'MailSuppressionPayload',
  'mailSuppression',
  MailSuppression,
);

const MarketingPause = builder.objectRef<MarketingPauseRow>('MarketingPause').implement({
  description:
    'Marketing mail stopped by itself: of the mails of seven days, 100 at least, 4 % bounced or 0.08 % were complained about. Mails of orders and passwords go on.',
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'BOUNCES or COMPLAINTS.' }),
    mails: t.exposeInt('mails', { description: 'How many were looked at.' }),
    bounces: t.exposeInt('bounces'),
    complaints: t.exposeInt('complaints'),
    pausedAt: t.expose('pausedAt', { type: 'DateTime' }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  marketingPause: t.field({
    type: MarketingPause,
    nullable: true,
    description: 'Null while marketing mail goes out. [operator]',
    resolve: (tenant, _args, ctx) => marketingPauseOf(ctx, tenant),
  }),
}));

builder.queryField('mailSuppressions', (t) =>
  t.field({
    type: MailSuppressionConnection,
    description: 'Addresses that get no mail of a stream any more, newest first. [operator]',
    args: {
      address: t.arg({ type: 'EmailAddress', description: 'Only of this one.' }),
      ...connectionArgs(t.arg),
    },
    resolve: (_root, { address, ...page }, ctx) => listSuppressions(ctx, address ?? null, page),
  }),
);

const LiftMailSuppressionInput = builder.inputType('LiftMailSuppressionInput', {
  fields: (t) => ({ suppressionId: t.id({ required: true }), idempotencyKey: t.string() }),
});
const ResumeMarketingInput = builder.inputType('ResumeMarketingInput', {
  fields: (t) => ({ tenantId: t.id(), idempotencyKey: t.string() }),
});

builder.mutationFields((t) => ({
  liftMailSuppression: t.field({
    type: MailSuppressionPayload,
    description:
      'Lets an address be written to again, in one stream; a new bounce or complaint suppresses it anew. The list that the mail service itself keeps is not touched. [operator]',
    args: { input: t.arg({ type: LiftMailSuppressionInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => liftSuppression(ctx, input),
        async (id) => (await suppressionsByIds(ctx, [id]))[0] ?? null,
      ),
  }),
  resumeMarketing: t.field({
    type: TenantPayload,
    description:
      'Lets marketing mail out again after it stopped by itself; what waited less than seven days is sent, and what came back before no longer counts. [operator]',
    args: { input: t.arg({ type: ResumeMarketingInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => resumeMarketing(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
