import type { TenantFacts } from './auth/snapshot.ts';
import type { Clock } from './clock.ts';
import { addressInDrill } from './domain/fault-drill.ts';
import type { OutboundSend } from './integrations/contract.ts';
import { createDrillControl, type DrillControl } from './integrations/drill-control.ts';

/**
 * Fault drills of tenants (BEY-9). Only the simulators know of them: a call for a tenant that drills goes to an address of its own
 * there and names the drill, and no call to anybody else is any different.
 */
export interface Drills {
  /** Null where there are no simulators: in production, whatever the environment says. */
  readonly control: DrillControl | null;
  /** True for an address at the simulators. */
  isSandbox(baseUrl: string): boolean;
  /** The tenant's drill of an integration where it has one, from memory. */
  running(tenantId: string, integration: string): Promise<RunningDrill | null>;
}

export interface RunningDrill {
  /** Another each time one is begun. */
  readonly id: string;
  /** The address with the drill in it; null for one that is not at the simulators. */
  redirect(baseUrl: string): string | null;
  /** For its calls: links that a vendor gave before the drill began lead into it, too. */
  send: OutboundSend;
}

/** @param name the tenant's slug, which is the drill's name at the simulators; nobody else is told of it */
export function sendInDrill(send: OutboundSend, simulatorsUrl: string, name: string): OutboundSend {
  return (request, call) => {
    if (!request.url.startsWith(`${simulatorsUrl}/`)) return send(request, call);
    return send({ ...request, headers: { ...request.headers, 'x-sandbox-drill': name } }, call);
  };
}

/** Of how many drills clients are kept. */
export const DRILLS_KEPT = 64;
/** Calls of one drill at a time: those that hang must not take what others need. */
export const DRILLED_CALLS_MAX = 16;

export function createDrills(options: {
  readonly simulatorsUrl: string | null;
  readonly clock: Clock;
  readonly send: OutboundSend;
  readonly tenant: (tenantId: string) => Promise<TenantFacts | undefined>;
}): Drills {
  const { simulatorsUrl, clock, send } = options;
  if (simulatorsUrl === null) return { control: null, isSandbox: () => false, running: async () => null };
  return {
    control: createDrillControl(send, simulatorsUrl),
    isSandbox: (baseUrl) => baseUrl.startsWith(`${simulatorsUrl}/`),
    running: async (tenantId, integration) => {
      const tenant = await options.tenant(tenantId);
      const found = tenant?.drills.find((drill) => drill.integration === integration);
      if (!tenant || !found || found.endsAtMs <= clock.now().getTime()) return null;
      return {
        id: found.id,
        redirect: (baseUrl) => addressInDrill(baseUrl, simulatorsUrl, tenant.slug),
        send: sendInDrill(send, simulatorsUrl, tenant.slug),
      };
    },
  };
}
