import { authorize } from '../access.ts';
import { WebhookVerdict } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { WebhookDeliveryRow } from '../loaders.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { listWebhookDeliveries, replayWebhook, shownBody, type ReplayResult } from '../resolvers/webhook.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { runVerb, UserError, type Payload } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { Payment } from './refs.ts';

const WebhookVerdictType = builder.enumType('WebhookVerdict', {
  values: Object.values(WebhookVerdict),
  description: 'What was made of a delivery.',
});

const WebhookDelivery = builder.objectRef<WebhookDeliveryRow>('WebhookDelivery').implement({
  description: 'A webhook as it came (COM-8). Kept for 90 days with its body.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (delivery) => encodeGlobalId('WebhookDelivery', delivery.id) }),
    source: t.exposeString('source'),
    receivedAt: t.expose('receivedAt', { type: 'DateTime' }),
    verdict: t.expose('verdict', { type: WebhookVerdictType }),
    detail: t.exposeString('detail', { nullable: true, description: 'Why, in a sentence.' }),
    headers: t.field({
      type: 'JSON',
      description: 'Names in lower case; secret values masked.',
      resolve: (delivery) => delivery.headers,
    }),
    body: t.string({
      description: 'As it came, secret fields replaced; empty once its time is over.',
      resolve: (delivery, _args, ctx) => shownBody(ctx, delivery),
    }),
    payment: t.field({
      type: Payment,
      nullable: true,
      resolve: (delivery, _args, ctx) => {
        authorize(ctx, 'payment.read');
        return delivery.paymentId ? ctx.loaders.payment.load(delivery.paymentId) : null;
      },
    }),
  }),
});
registerNode(
  'WebhookDelivery',
  authorizedLoad('webhook.read', (ctx, ids) => ctx.loaders.delivery.loadMany(ids)),
);

const WebhookDeliveryConnection = connectionType<WebhookDeliveryRow & { cursorAt: string }>(
  'WebhookDelivery',
  WebhookDelivery as never,
);

builder.queryField('webhookDeliveries', (t) =>
  t.field({
    type: WebhookDeliveryConnection,
    description: 'The webhook journal, newest first.',
    args: { verdict: t.arg({ type: WebhookVerdictType }), ...connectionArgs(t.arg) },
    resolve: (_root, { verdict, ...page }, ctx) => listWebhookDeliveries(ctx, verdict ?? null, page),
  }),
);

const StatusChange = builder.objectRef<{ from: string; to: string }>('StatusChange').implement({
  description: 'A status before and after.',
  fields: (t) => ({ from: t.exposeString('from'), to: t.exposeString('to') }),
});
const WebhookReplay = builder.objectRef<ReplayResult>('WebhookReplay').implement({
  description: "What today's code makes of a stored delivery.",
  fields: (t) => ({
    verdict: t.field({ type: WebhookVerdictType, resolve: ({ verdict }) => verdict }),
    paymentStatus: t.field({
      type: StatusChange,
      nullable: true,
      resolve: ({ change }) => change?.paymentStatus ?? null,
    }),
    orderStatus: t.field({ type: StatusChange, nullable: true, resolve: ({ change }) => change?.orderStatus ?? null }),
    note: t.string({ nullable: true, resolve: ({ change }) => change?.note ?? null }),
  }),
});

const WebhookPayload = builder.objectRef<Payload<WebhookDeliveryRow>>('WebhookPayload').implement({
  fields: (t) => ({
    webhookDelivery: t.field({ type: WebhookDelivery, nullable: true, resolve: ({ result }) => result }),
    replay: t.field({
      type: WebhookReplay,
      nullable: true,
      description: 'Null when the call is repeated under its idempotency key.',
      resolve: ({ once }) => (once?.['replay'] as ReplayResult | undefined) ?? null,
    }),
    userErrors: t.field({ type: [UserError], resolve: ({ userErrors }) => [...userErrors] }),
  }),
});

const ReplayWebhookInput = builder.inputType('ReplayWebhookInput', {
  fields: (t) => ({
    deliveryId: t.id({ required: true }),
    dryRun: t.boolean({ description: 'Show what it would change, and change nothing.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationField('replayWebhook', (t) =>
  t.field({
    type: WebhookPayload,
    description: 'Runs a stored delivery again, for real or as a dry run (BEY-7). Repeating it has no further effect.',
    args: { input: t.arg({ type: ReplayWebhookInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => replayWebhook(ctx, input),
        (id) => ctx.loaders.delivery.load(id),
      ),
  }),
);
