import { viewer, viewerUser, type Viewer } from '../resolvers/viewer.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { Tenant } from './tenant.ts';
import { User } from './user.ts';

const ViewerKind = builder.enumType('ViewerKind', {
  description: "Who asks: a website, a partner's server, or a person by role.",
  values: ['PORTAL', 'CUSTOMER', 'OPERATOR', 'TENANT_ADMIN', 'PLATFORM_ADMIN', 'PARTNER'] as const,
});

const ViewerType = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Who asks, and for which tenant.',
  fields: (t) => ({
    kind: t.expose('kind', { type: ViewerKind }),
    user: t.field({
      type: User,
      nullable: true,
      description: 'Null for a key.',
      resolve: (_viewer, _args, ctx) => viewerUser(ctx),
    }),
    tenant: t.prismaField({
      type: Tenant,
      nullable: true,
      description: 'The tenant worked in.',
      resolve: (query, _viewer, _args, ctx) => loadTenant(ctx, ctx.scope.tenantId, query),
    }),
    scopes: t.stringList({ description: "A secret key's.", resolve: ({ scopes }) => [...scopes] }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({ type: ViewerType, description: 'Who asks. [public]', resolve: (_root, _args, ctx) => viewer(ctx) }),
);
