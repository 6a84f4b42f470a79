import { OperationStatus } from '../generated/prisma/enums.ts';
import type { InquiryModel } from '../generated/prisma/models.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { UserErrorShape } from '../operations.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { readOperation, type OperationRow } from '../resolvers/operation.ts';
import { builder } from './builder.ts';
import { UserError } from './mutation.ts';
import { loadNode, Node, registerNode } from './node.ts';
import { InquiryResolutionType } from './payment.ts';

const OperationStatusType = builder.enumType('OperationStatus', {
  description: 'What became of a mutation; UNKNOWN is being looked up.',
  values: Object.values(OperationStatus),
});

const OutcomeInquiry = builder.objectRef<InquiryModel>('OutcomeInquiry').implement({
  description: 'Something whose outcome is unknown, being looked up until it is known (BEY-3).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (inquiry) => encodeGlobalId('OutcomeInquiry', inquiry.id) }),
    about: t.field({
      type: Node,
      resolve: async (inquiry, _args, ctx) => (await loadNode(ctx, inquiry.aboutType, inquiry.aboutId))!,
    }),
    attempts: t.exposeInt('attempts'),
    nextLookUpAt: t.expose('nextLookUpAt', { type: 'DateTime', nullable: true }),
    resolution: t.expose('resolution', { type: InquiryResolutionType }),
  }),
});
registerNode(
  'OutcomeInquiry',
  authorizedLoad('inquiry.read', (ctx, ids) => ctx.loaders.inquiry.loadMany(ids)),
);

const Operation = builder.objectRef<OperationRow>('Operation').implement({
  description: 'What became of a mutation with an idempotency key (BEY-2). Kept for 72 hours.',
  fields: (t) => ({
    key: t.exposeString('key'),
    mutation: t.exposeString('mutation'),
    status: t.expose('status', { type: OperationStatusType }),
    result: t.field({
      type: Node,
      nullable: true,
      resolve: (operation, _args, ctx) =>
        operation.status === 'SUCCEEDED' && operation.resultType && operation.resultId
          ? loadNode(ctx, operation.resultType, operation.resultId)
          : null,
    }),
    userErrors: t.field({
      type: [UserError],
      resolve: (operation) => operation.userErrors as unknown as UserErrorShape[],
    }),
    inquiry: t.field({
      type: OutcomeInquiry,
      nullable: true,
      resolve: (operation, _args, ctx) => (operation.inquiryId ? ctx.loaders.inquiry.load(operation.inquiryId) : null),
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime' }),
  }),
});

builder.queryField('operation', (t) =>
  t.field({
    type: Operation,
    nullable: true,
    description: 'What became of your mutation with this idempotencyKey: ask it when an answer was lost.',
    args: { key: t.arg.string({ required: true }) },
    resolve: (_root, { key }, ctx) => readOperation(ctx, key),
  }),
);
