import { authorize } from '../access.ts';
import type { App, Context } from '../context.ts';
import type { IntegrationSnapshot } from '../integrations/policy.ts';

export type Services = Readonly<Record<string, IntegrationSnapshot>>;

/** Every integration by name: the payment gateways, the ways mail leaves, and the travel providers (COM-13). Costs no outside call. */
export async function servicesOf(app: Pick<App, 'gateways' | 'providers' | 'mail'>): Promise<Services> {
  return { ...app.gateways.snapshot(), ...app.mail.snapshots(), ...(await app.providers.services()) };
}

/** @throws FORBIDDEN */
export function readSystemHealth(ctx: Context): Promise<Services> {
  authorize(ctx, 'health.read');
  return servicesOf(ctx.app);
}
