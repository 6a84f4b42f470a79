import { authorize } from '../access.ts';
import { costOfDocument } from '../graphql/documents.ts';
import { spendingOf, type Spending } from '../request.ts';
import { builder } from './builder.ts';

const RateLimit = builder.objectRef<Spending>('RateLimit').implement({
  description: 'What is left of the budget of this minute, in points. A point stands for 50 objects begun.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'Points a minute, for all processes together.' }),
    cost: t.exposeInt('cost', { description: 'What this request took.' }),
    remaining: t.exposeInt('remaining'),
    resetAt: t.expose('resetAt', { type: 'DateTime', description: 'When the budget is full again.' }),
  }),
});

const QueryCost = builder.objectRef<{ requested: number; limit: number }>('QueryCost').implement({
  description: 'The price of a document, in points.',
  fields: (t) => ({
    requested: t.exposeInt('requested', {
      description: 'The dearest of its operations; a page whose size is a variable counts 20 rows.',
    }),
    limit: t.exposeInt('limit', { description: 'The most one operation may cost.' }),
  }),
});

builder.queryFields((t) => ({
  rateLimit: t.field({
    type: RateLimit,
    description: 'The budget this request is charged to.',
    resolve: (_root, _args, ctx) => {
      authorize(ctx, 'limit.read');
      return spendingOf(ctx);
    },
  }),
  costOf: t.field({
    type: QueryCost,
    description: 'What a document would cost, before it is sent.',
    args: { document: t.arg.string({ required: true }) },
    resolve: (_root, args, ctx, info) => {
      authorize(ctx, 'cost.read');
      return costOfDocument(info.schema, args.document);
    },
  }),
}));
