import { updatePortalConfig } from '../resolvers/portal.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { ApiKey } from './key.ts';
import { runVerb } from './mutation.ts';
import { TenantPayload } from './tenant.ts';

builder.prismaObjectFields('PortalConfig', (t) => ({
  apiKeys: t.field({
    type: [ApiKey],
    description: 'Newest first, revoked ones included.',
    select: {
      tenant: {
        select: {
          apiKeys: {
            select: {
              tenantId: true,
              id: true,
              kind: true,
              mode: true,
              prefix: true,
              scopes: true,
              lastUsedAt: true,
              expiresAt: true,
              revokedAt: true,
              createdAt: true,
            },
            orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
            take: 200,
          },
        },
      },
    },
    resolve: (portal) => portal.tenant.apiKeys,
  }),
}));

const UpdatePortalConfigInput = builder.inputType('UpdatePortalConfigInput', {
  fields: (t) => ({
    tenantId: t.id(),
    corsOrigins: t.field({
      type: ['URL'],
      description: 'Replaces the list. Scheme, host and port; it counts within a second.',
    }),
    rateLimitPerMinute: t.int({ description: 'In points of query cost.' }),
    active: t.boolean({ description: "Off: the website's keys and customers are refused; staff still come in." }),
    returnStockOnExpiry: t.boolean({
      description: 'Whether what an order took from the stock goes back when it expires unpaid.',
    }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  updatePortalConfig: t.field({
    type: TenantPayload,
    description: "What the tenant's website may do: origins, limit, on or off. [tenantAdmin]",
    args: { input: t.arg({ type: UpdatePortalConfigInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updatePortalConfig(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
