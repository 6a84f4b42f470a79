import { ApiKeyKind, KeyMode } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { createApiKey, keysByIds, revokeApiKey, type ApiKeyRow } from '../resolvers/key.ts';
import { builder } from './builder.ts';
import { runVerb, UserError, type Payload } from './mutation.ts';
import { Node, registerNode } from './node.ts';

const KeyModeType = builder.enumType('KeyMode', {
  description: 'Whether a key is for real business or for trying out.',
  values: Object.values(KeyMode),
});
const ApiKeyKindType = builder.enumType('ApiKeyKind', {
  values: Object.values(ApiKeyKind),
  description: 'PUBLISHABLE keys live in browsers; SECRET ones never do.',
});

export const ApiKey = builder.objectRef<ApiKeyRow>('ApiKey').implement({
  description: 'A key of the tenant (TEN-2). Only its hash is kept.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (key) => encodeGlobalId('ApiKey', key.id) }),
    prefix: t.exposeString('prefix', { description: 'How the key begins, to tell it from others.' }),
    kind: t.expose('kind', { type: ApiKeyKindType }),
    mode: t.expose('mode', { type: KeyModeType }),
    scopes: t.exposeStringList('scopes', { description: 'What a secret key may do; none for a publishable one.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true, description: 'To the minute.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});
registerNode('ApiKey', authorizedLoad('portal.read', keysByIds));

const ApiKeyPayload = builder.objectRef<Payload<ApiKeyRow>>('ApiKeyPayload').implement({
  fields: (t) => ({
    apiKey: t.field({ type: ApiKey, nullable: true, resolve: (payload) => payload.result }),
    secret: t.string({
      nullable: true,
      description: 'The key itself, shown this once; null when the call is repeated under its idempotency key.',
      resolve: (payload) => (payload.once?.['secret'] as string | undefined) ?? null,
    }),
    userErrors: t.field({ type: [UserError], resolve: (payload) => [...payload.userErrors] }),
  }),
});

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  fields: (t) => ({
    tenantId: t.id(),
    mode: t.field({ type: KeyModeType, required: true }),
    scopes: t.stringList({
      required: true,
      description: 'None: a publishable key. Any: a secret key that may do just these.',
    }),
    expiresAt: t.field({ type: 'DateTime' }),
    idempotencyKey: t.string(),
  }),
});
const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  fields: (t) => ({ apiKeyId: t.id({ required: true }), idempotencyKey: t.string() }),
});

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: ApiKeyPayload,
    description: 'Makes a key. Several may live at a time, so that one can be rotated without downtime. [tenantAdmin]',
    args: { input: t.arg({ type: CreateApiKeyInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => createApiKey(ctx, input),
        async (id) => (await keysByIds(ctx, [id]))[0] ?? null,
      ),
  }),
  revokeApiKey: t.field({
    type: ApiKeyPayload,
    description: 'Ends a key at once, in every process. [tenantAdmin]',
    args: { input: t.arg({ type: RevokeApiKeyInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => revokeApiKey(ctx, input),
        async (id) => (await keysByIds(ctx, [id]))[0] ?? null,
      ),
  }),
}));
