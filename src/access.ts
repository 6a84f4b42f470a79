import { AppError } from './errors.ts';

/** Scopes a secret key may hold: a closed list. */
export const KEY_SCOPES = [
  'introspect',
  'orders:read',
  'orders:write',
  'payments:read',
  'payments:write',
  'invoices:read',
  'search',
  'bookings:read',
  'bookings:write',
  'webhooks:read',
  'health:read',
  'providers',
  'routing',
  'reports:read',
] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** Who asks. `tenantId` is the tenant worked in; a platform admin may work in another than their own by X-Tenant. */
export type Actor =
  | { readonly kind: 'ANONYMOUS' }
  | { readonly kind: 'PORTAL'; readonly tenantId: string; readonly keyId: string }
  | { readonly kind: 'PARTNER'; readonly tenantId: string; readonly keyId: string; readonly scopes: readonly string[] }
  | {
      readonly kind: 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN' | 'PLATFORM_ADMIN';
      readonly tenantId: string;
      readonly homeTenantId: string;
      readonly userId: string;
      readonly sessionId: string;
      readonly keyId: string | null;
      /** When the access token ends, ms since the epoch: subscriptions are closed then. */
      readonly expiresAtMs: number;
    };

export type PersonKind = 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN' | 'PLATFORM_ADMIN';
const RANK: Readonly<Record<PersonKind, number>> = { CUSTOMER: 1, OPERATOR: 2, TENANT_ADMIN: 3, PLATFORM_ADMIN: 4 };

/**
 * Who may do a thing: from which role upwards, and which scope of a secret key does as well (null: no key does). PUBLIC needs a key at
 * least; ANYONE not even that: the platform's realm is where one signs in without a key.
 */
export interface AccessRule {
  readonly from: 'ANYONE' | 'PUBLIC' | PersonKind;
  readonly scope: KeyScope | null;
}

/** One line per verb (graph.graphql, "Access"). A verb without a line here cannot be called by anybody. */
export const ACCESS_RULES = {
  'viewer.read': { from: 'PUBLIC', scope: null },
  'session.register': { from: 'PUBLIC', scope: null },
  'session.open': { from: 'ANYONE', scope: null },
  'session.close': { from: 'ANYONE', scope: null },
  'tenant.read': { from: 'CUSTOMER', scope: 'orders:read' },
  'tenant.list': { from: 'PLATFORM_ADMIN', scope: null },
  'tenant.create': { from: 'PLATFORM_ADMIN', scope: null },
  'tenant.update': { from: 'TENANT_ADMIN', scope: null },
  // What the tenant pays for, and whether it is there at all, is not its own to decide.
  'tenant.govern': { from: 'PLATFORM_ADMIN', scope: null },
  'portal.read': { from: 'TENANT_ADMIN', scope: null },
  'portal.update': { from: 'TENANT_ADMIN', scope: null },
  'flag.set': { from: 'TENANT_ADMIN', scope: null },
  // The shop window: a website shows it to whoever comes by.
  'product.read': { from: 'PUBLIC', scope: null },
  'product.update': { from: 'OPERATOR', scope: null },
  // Who does which service, and how many at once: the front desk's business.
  'resource.read': { from: 'OPERATOR', scope: null },
  'resource.update': { from: 'OPERATOR', scope: null },
  'diary.configure': { from: 'TENANT_ADMIN', scope: null },
  'diary.read': { from: 'PUBLIC', scope: null },
  'loyalty.update': { from: 'TENANT_ADMIN', scope: null },
  'wallet.adjust': { from: 'TENANT_ADMIN', scope: null },
  'points.redeem': { from: 'CUSTOMER', scope: null },
  'key.create': { from: 'TENANT_ADMIN', scope: null },
  'key.revoke': { from: 'TENANT_ADMIN', scope: null },
  'gateway.read': { from: 'TENANT_ADMIN', scope: null },
  'gateway.configure': { from: 'TENANT_ADMIN', scope: null },
  'emailSender.read': { from: 'TENANT_ADMIN', scope: null },
  'emailSender.configure': { from: 'TENANT_ADMIN', scope: null },
  'mail.read': { from: 'OPERATOR', scope: null },
  'mail.allow': { from: 'OPERATOR', scope: null },
  'email.verify': { from: 'CUSTOMER', scope: null },
  'newsletter.subscribe': { from: 'PUBLIC', scope: null },
  'drill.read': { from: 'TENANT_ADMIN', scope: null },
  'drill.run': { from: 'TENANT_ADMIN', scope: null },
  'provider.read': { from: 'OPERATOR', scope: 'providers' },
  // How we reach a provider, with what credentials: the platform's business.
  'provider.inspect': { from: 'PLATFORM_ADMIN', scope: null },
  'provider.configure': { from: 'PLATFORM_ADMIN', scope: null },
  'provider.credential': { from: 'PLATFORM_ADMIN', scope: null },
  'provider.test': { from: 'PLATFORM_ADMIN', scope: null },
  'slot.read': { from: 'TENANT_ADMIN', scope: null },
  'slot.configure': { from: 'PLATFORM_ADMIN', scope: null },
  'audit.read': { from: 'PLATFORM_ADMIN', scope: null },
  'ledger.check': { from: 'TENANT_ADMIN', scope: null },
  'order.read': { from: 'CUSTOMER', scope: 'orders:read' },
  'order.create': { from: 'CUSTOMER', scope: 'orders:write' },
  'order.issue': { from: 'OPERATOR', scope: 'orders:write' },
  'order.cancel': { from: 'CUSTOMER', scope: 'orders:write' },
  'payment.read': { from: 'CUSTOMER', scope: 'payments:read' },
  'payment.methods': { from: 'CUSTOMER', scope: 'payments:read' },
  'payment.pay': { from: 'CUSTOMER', scope: 'payments:write' },
  'payment.review': { from: 'OPERATOR', scope: null },
  'payment.refund': { from: 'OPERATOR', scope: null },
  'invoice.read': { from: 'CUSTOMER', scope: 'invoices:read' },
  'invoice.archive': { from: 'OPERATOR', scope: null },
  'booking.read': { from: 'CUSTOMER', scope: 'bookings:read' },
  'booking.create': { from: 'CUSTOMER', scope: 'bookings:write' },
  'booking.cancel': { from: 'CUSTOMER', scope: 'bookings:write' },
  'booking.change': { from: 'OPERATOR', scope: null },
  'package.read': { from: 'CUSTOMER', scope: 'bookings:read' },
  'package.plan': { from: 'CUSTOMER', scope: 'search' },
  'package.book': { from: 'CUSTOMER', scope: 'bookings:write' },
  'package.cancel': { from: 'CUSTOMER', scope: 'bookings:write' },
  'package.resolve': { from: 'OPERATOR', scope: null },
  'packagePolicy.update': { from: 'TENANT_ADMIN', scope: null },
  'routing.explain': { from: 'OPERATOR', scope: 'routing' },
  'routing.log': { from: 'OPERATOR', scope: null },
  'routing.replay': { from: 'PLATFORM_ADMIN', scope: null },
  'provider.usage': { from: 'OPERATOR', scope: 'providers' },
  'search.stays': { from: 'CUSTOMER', scope: 'search' },
  'search.flights': { from: 'CUSTOMER', scope: 'search' },
  'report.money': { from: 'OPERATOR', scope: 'reports:read' },
  'user.read': { from: 'CUSTOMER', scope: 'orders:read' },
  'customer.erase': { from: 'CUSTOMER', scope: null },
  'customer.export': { from: 'CUSTOMER', scope: null },
  'webhook.read': { from: 'OPERATOR', scope: 'webhooks:read' },
  'webhook.replay': { from: 'OPERATOR', scope: null },
  'operation.read': { from: 'CUSTOMER', scope: 'orders:read' },
  'inquiry.read': { from: 'OPERATOR', scope: 'payments:read' },
  'health.read': { from: 'OPERATOR', scope: 'health:read' },
  'limit.read': { from: 'PUBLIC', scope: null },
  'cost.read': { from: 'PUBLIC', scope: null },
} as const satisfies Record<string, AccessRule>;

export type RuleName = keyof typeof ACCESS_RULES;
export type AccessRules = Readonly<Record<RuleName, AccessRule>>;

/**
 * The first statement of every verb.
 * @throws UNAUTHENTICATED where nobody is known, FORBIDDEN where the one known may not.
 */
export function authorize(
  caller: { readonly actor: Actor; readonly app: { readonly access: AccessRules } },
  name: RuleName,
): void {
  const rule = caller.app.access[name];
  const { actor } = caller;
  if (rule.from === 'ANYONE') return;
  if (actor.kind === 'ANONYMOUS') throw new AppError('UNAUTHENTICATED', 'Please sign in, or send an API key.');
  if (rule.from === 'PUBLIC') return;
  if (actor.kind === 'PORTAL') throw new AppError('UNAUTHENTICATED', 'Please sign in.');
  const allowed =
    actor.kind === 'PARTNER'
      ? rule.scope !== null && actor.scopes.includes(rule.scope)
      : RANK[actor.kind] >= RANK[rule.from];
  if (!allowed) throw new AppError('FORBIDDEN', 'You may not do this.', { log: `${actor.kind} lacks ${name}` });
}

/** True where the actor is staff of at least this rank. */
export function isAtLeast(actor: Actor, kind: PersonKind): boolean {
  return actor.kind in RANK && RANK[actor.kind as PersonKind] >= RANK[kind];
}

/** How an actor is named in operations and in the audit log: an id, never personal data. */
export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case 'ANONYMOUS':
      return 'anonymous';
    case 'PORTAL':
    case 'PARTNER':
      return `key:${actor.keyId}`;
    default:
      return `user:${actor.userId}`;
  }
}
