import type { HealthView } from '../domain/health-checks.ts';
import type { IntegrationSnapshot } from '../integrations/policy.ts';
import type { CatalogueProvider } from './contract.ts';
import type { Member } from './members.ts';

const STATUS = { HEALTHY: 'healthy', DEGRADED: 'degraded', UNHEALTHY: 'down', UNKNOWN: 'idle' } as const;

/** A provider as GET /health shows every integration (COM-13). One that is switched off is not asked, so nothing is known. */
export function serviceOf(
  { enabled }: CatalogueProvider,
  { status, circuit, p95LatencyMs, checkedAt }: HealthView,
  member: Member | null,
): IntegrationSnapshot {
  const here = member?.policy.snapshot();
  return {
    status: enabled ? STATUS[status] : 'idle',
    circuit,
    // Where this process called nobody, what all of them together saw.
    lastResponseMs: here?.lastResponseMs ?? p95LatencyMs,
    lastCheckedAt: checkedAt === null ? null : new Date(checkedAt),
    rateLimitRemaining: here?.rateLimitRemaining ?? null,
  };
}
