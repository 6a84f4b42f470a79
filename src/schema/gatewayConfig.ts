import type { AmountRule } from '../domain/payment.ts';
import type { CredentialRow } from '../loaders.ts';
import {
  configurePaymentGateway,
  credentialsOf,
  gatewayConfigOf,
  gatewayConfigsOf,
  type GatewayConfigRow,
} from '../resolvers/gatewayConfig.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { runVerb } from './mutation.ts';
import { PaymentGatewayType } from './payment.ts';
import { TenantPayload } from './tenant.ts';

const AmountRuleType = builder.enumType('AmountRule', {
  description:
    'EQUAL: a payment settles with exactly what was due. AT_LEAST: with more, too, where the customer carries the commission.',
  values: ['EQUAL', 'AT_LEAST'] as const,
});

const GatewayCredential = builder.objectRef<CredentialRow>('GatewayCredential').implement({
  description: 'That a credential is there, and which. Its value is never shown (PRV-3).',
  fields: (t) => ({
    name: t.exposeString('name'),
    lastFour: t.exposeString('lastFour', {
      nullable: true,
      description: 'Null where the value is too short to show any of it.',
    }),
    version: t.exposeInt('version'),
    lastRotatedAt: t.field({ type: 'DateTime', resolve: (credential) => credential.createdAt }),
  }),
});

const PaymentGatewayConfig = builder.objectRef<GatewayConfigRow>('PaymentGatewayConfig').implement({
  description: 'How the tenant is paid.',
  fields: (t) => ({
    gateway: t.expose('gateway', { type: PaymentGatewayType }),
    enabled: t.exposeBoolean('enabled'),
    testMode: t.exposeBoolean('testMode'),
    amountRule: t.field({ type: AmountRuleType, resolve: (config) => config.amountRule as AmountRule }),
    credentials: t.field({ type: [GatewayCredential], resolve: (config, _args, ctx) => credentialsOf(ctx, config) }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  paymentGateway: t.field({
    type: PaymentGatewayConfig,
    nullable: true,
    description: 'The first of `paymentGateways`. [tenantAdmin]',
    resolve: (tenant, _args, ctx) => gatewayConfigOf(ctx, tenant),
  }),
  paymentGateways: t.field({
    type: [PaymentGatewayConfig],
    description:
      'All that are set up, those that are on first. An order is offered the methods of those that take its currency. [tenantAdmin]',
    resolve: (tenant, _args, ctx) => gatewayConfigsOf(ctx, tenant),
  }),
}));

const GatewayCredentialInput = builder.inputType('GatewayCredentialInput', {
  fields: (t) => ({ name: t.string({ required: true }), value: t.string({ required: true }) }),
});
const ConfigurePaymentGatewayInput = builder.inputType('ConfigurePaymentGatewayInput', {
  fields: (t) => ({
    tenantId: t.id(),
    gateway: t.field({ type: PaymentGatewayType, required: true }),
    enabled: t.boolean({ description: 'On when first configured.' }),
    testMode: t.boolean({ description: 'On when first configured.' }),
    amountRule: t.field({ type: AmountRuleType }),
    credentials: t.field({
      type: [GatewayCredentialInput],
      description: 'Those that change; each gets a new version.',
    }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  configurePaymentGateway: t.field({
    type: TenantPayload,
    description: 'Sets a payment gateway up; credentials are encrypted and never shown again. [tenantAdmin]',
    args: { input: t.arg({ type: ConfigurePaymentGatewayInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => configurePaymentGateway(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
