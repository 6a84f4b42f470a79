import type { StoredTest } from '../domain/provider-switch.ts';
import type { ProviderRow } from '../provider-reads.ts';
import { rotateProviderCredential, setProviderCredential } from '../resolvers/provider-credential.ts';
import { lastTestOf, testProviderConnection } from '../resolvers/provider-test.ts';
import { createProvider, providerById, setProviderEnabled, updateProvider } from '../resolvers/provider.ts';
import { builder } from './builder.ts';
import { payloadType, runVerb } from './mutation.ts';
import { EnvironmentModeType } from './provider-enums.ts';
import { ConnectionTest } from './provider.ts';
import { Provider } from './refs.ts';

const ProviderPayload = payloadType<ProviderRow>('ProviderPayload', 'provider', Provider);
const ConnectionTestPayload = payloadType<StoredTest>('ConnectionTestPayload', 'test', ConnectionTest);

const ProviderBaseUrlsInput = builder.inputType('ProviderBaseUrlsInput', {
  description: "Null gives back the integration's own address. Https in production.",
  fields: (t) => ({ sandbox: t.field({ type: 'URL' }), production: t.field({ type: 'URL' }) }),
});
const ProviderSettingInput = builder.inputType('ProviderSettingInput', {
  fields: (t) => ({ name: t.string({ required: true }), value: t.string({ description: 'Null: the default.' }) }),
});
const CacheRuleInput = builder.inputType('CacheRuleInput', {
  fields: (t) => ({
    operation: t.string({ required: true }),
    seconds: t.int({ description: "0: never. Null: the integration's own." }),
  }),
});

const CreateProviderInput = builder.inputType('CreateProviderInput', {
  fields: (t) => ({
    slug: t.string({ required: true, description: 'One of the integrations there are.' }),
    name: t.string(),
    environmentMode: t.field({ type: EnvironmentModeType, description: 'SANDBOX unless told.' }),
    baseUrls: t.field({ type: ProviderBaseUrlsInput }),
    settings: t.field({ type: [ProviderSettingInput] }),
    cachePolicy: t.field({ type: [CacheRuleInput] }),
    callsPerMinute: t.int(),
    concurrentMax: t.int(),
    checkEverySeconds: t.int(),
    idempotencyKey: t.string(),
  }),
});
const UpdateProviderInput = builder.inputType('UpdateProviderInput', {
  description: 'What is left out stays.',
  fields: (t) => ({
    slug: t.string({ required: true }),
    name: t.string(),
    environmentMode: t.field({ type: EnvironmentModeType }),
    baseUrls: t.field({ type: ProviderBaseUrlsInput }),
    settings: t.field({ type: [ProviderSettingInput] }),
    cachePolicy: t.field({ type: [CacheRuleInput] }),
    callsPerMinute: t.int(),
    concurrentMax: t.int(),
    checkEverySeconds: t.int(),
    override: t.boolean({ description: 'One that is on goes to production without a passing test. It is audited.' }),
    idempotencyKey: t.string(),
  }),
});
const SetProviderEnabledInput = builder.inputType('SetProviderEnabledInput', {
  fields: (t) => ({
    slug: t.string({ required: true }),
    enabled: t.boolean({ required: true }),
    override: t.boolean({ description: 'On in production without a passing test. It is audited.' }),
    idempotencyKey: t.string(),
  }),
});
const SetProviderCredentialInput = builder.inputType('SetProviderCredentialInput', {
  fields: (t) => ({
    slug: t.string({ required: true }),
    name: t.string({ required: true }),
    value: t.string({ required: true }),
    mode: t.field({ type: EnvironmentModeType, description: 'The one it is in, unless told.' }),
    idempotencyKey: t.string(),
  }),
});
const RotateProviderCredentialInput = builder.inputType('RotateProviderCredentialInput', {
  fields: (t) => ({
    slug: t.string({ required: true }),
    name: t.string({ required: true }),
    value: t.string({ required: true }),
    mode: t.field({ type: EnvironmentModeType, description: 'The one it is in, unless told.' }),
    graceHours: t.int({ description: 'How long the value before goes on serving: 24 unless told, 0 to 720.' }),
    idempotencyKey: t.string(),
  }),
});
const TestProviderConnectionInput = builder.inputType('TestProviderConnectionInput', {
  fields: (t) => ({
    slug: t.string({ required: true }),
    mode: t.field({ type: EnvironmentModeType, description: 'The one it is in, unless told.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  createProvider: t.field({
    type: ProviderPayload,
    description: 'Adds a provider we have an integration with; it is off. [platformAdmin]',
    args: { input: t.arg({ type: CreateProviderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => createProvider(ctx, input),
        (id) => providerById(ctx, id),
      ),
  }),
  updateProvider: t.field({
    type: ProviderPayload,
    description: 'Changes how a provider is called. [platformAdmin]',
    args: { input: t.arg({ type: UpdateProviderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updateProvider(ctx, input),
        (id) => providerById(ctx, id),
      ),
  }),
  setProviderEnabled: t.field({
    type: ProviderPayload,
    description:
      'Switches a provider on or off. In production it must have passed a connection test with the credentials it has. [platformAdmin]',
    args: { input: t.arg({ type: SetProviderEnabledInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => setProviderEnabled(ctx, input),
        (id) => providerById(ctx, id),
      ),
  }),
  setProviderCredential: t.field({
    type: ProviderPayload,
    description: 'Encrypts a credential as a new version, which counts at once. [platformAdmin]',
    args: { input: t.arg({ type: SetProviderCredentialInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => setProviderCredential(ctx, input),
        (id) => providerById(ctx, id),
      ),
  }),
  rotateProviderCredential: t.field({
    type: ProviderPayload,
    description:
      'Tries a new value with the provider; if it works it takes the place of the one before, which goes on for a grace time. [platformAdmin]',
    args: { input: t.arg({ type: RotateProviderCredentialInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => rotateProviderCredential(ctx, input),
        (id) => providerById(ctx, id),
      ),
  }),
  testProviderConnection: t.field({
    type: ConnectionTestPayload,
    description: 'Asks a provider whether it would serve us, and keeps what it said. [platformAdmin]',
    args: { input: t.arg({ type: TestProviderConnectionInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => testProviderConnection(ctx, input),
        (id) => lastTestOf(ctx, id, input.mode ?? null),
      ),
  }),
}));
