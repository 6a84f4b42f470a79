import { providerUsage, type ProviderUsage } from '../resolvers/provider-usage.ts';
import { builder } from './builder.ts';
import { Provider } from './refs.ts';

const ProviderUsageType = builder.objectRef<ProviderUsage>('ProviderUsage').implement({
  description: 'What a tenant used of a provider’s rate limit (PRV-13).',
  fields: (t) => ({
    provider: t.field({
      type: Provider,
      resolve: async ({ slug }, _args, ctx) => (await ctx.loaders.provider.load(slug))!,
    }),
    calls: t.exposeInt('calls', { description: 'Calls that reached the provider, repeats included.' }),
    refused: t.exposeInt('refused', { description: 'Calls we did not make because the limit was used up.' }),
    busiestMinute: t.expose('busiestMinute', { type: 'DateTime' }),
    busiestCalls: t.exposeInt('busiestCalls', { description: 'In the busiest minute: limits are by the minute.' }),
  }),
});

builder.queryField('providerUsage', (t) =>
  t.field({
    type: [ProviderUsageType],
    description:
      'What the tenant used of each provider in a period of 31 days at most, the last seconds left out. Platform administrators name the tenant by X-Tenant. [operator, partner:providers]',
    args: {
      slug: t.arg.string({ description: 'Of this provider only.' }),
      from: t.arg({ type: 'DateTime', required: true, description: 'Inclusive, by the minute.' }),
      to: t.arg({ type: 'DateTime', description: 'Exclusive; now, unless told.' }),
    },
    resolve: (_root, args, ctx) => providerUsage(ctx, args),
  }),
);
