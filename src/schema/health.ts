import type { IntegrationSnapshot } from '../integrations/policy.ts';
import { readSystemHealth, type Services } from '../resolvers/system-health.ts';
import { builder } from './builder.ts';

const STATUS = { healthy: 'HEALTHY', degraded: 'DEGRADED', down: 'UNHEALTHY', idle: 'UNKNOWN' } as const;

export const HealthStatus = builder.enumType('HealthStatus', {
  description: 'How an outside party is doing, from our own calls to it.',
  values: { HEALTHY: {}, DEGRADED: {}, UNHEALTHY: {}, UNKNOWN: { description: 'Not called yet.' } },
});

export const CircuitState = builder.enumType('CircuitState', {
  description: 'Whether calls are let through: OPEN lets none.',
  values: ['CLOSED', 'OPEN', 'HALF_OPEN'] as const,
});

const ServiceHealth = builder.objectRef<IntegrationSnapshot & { name: string }>('ServiceHealth').implement({
  description: 'One outside party, as its own recent calls show it (COM-13).',
  fields: (t) => ({
    name: t.exposeString('name'),
    status: t.field({ type: HealthStatus, resolve: (service) => STATUS[service.status] }),
    circuit: t.field({ type: CircuitState, resolve: (service) => service.circuit }),
    responseTimeMs: t.float({ nullable: true, resolve: (service) => service.lastResponseMs }),
    checkedAt: t.field({ type: 'DateTime', nullable: true, resolve: (service) => service.lastCheckedAt }),
    rateLimitRemaining: t.int({ nullable: true, resolve: (service) => service.rateLimitRemaining }),
  }),
});

const SystemHealth = builder.objectRef<Services>('SystemHealth').implement({
  description: 'How the whole is doing.',
  fields: (t) => ({
    status: t.field({
      type: HealthStatus,
      description: 'HEALTHY unless an integration is not.',
      resolve: (services) =>
        Object.values(services).some((service) => service.status === 'down' || service.status === 'degraded')
          ? 'DEGRADED'
          : 'HEALTHY',
    }),
    services: t.field({
      type: [ServiceHealth],
      resolve: (services) => Object.entries(services).map(([name, service]) => ({ name, ...service })),
    }),
  }),
});

builder.queryField('systemHealth', (t) =>
  t.field({
    type: SystemHealth,
    description: 'Every integration with its state. [operator, partner:health:read]',
    resolve: (_root, _args, ctx) => readSystemHealth(ctx),
  }),
);
