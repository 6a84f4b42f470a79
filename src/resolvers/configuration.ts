import { actorName } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Clock } from '../clock.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { appendEvent, type EventPayloads, type EventType } from '../events.ts';
import { idOf } from '../global-id.ts';
import type { NewId } from '../ids.ts';

/** Events that tell of a change of configuration. */
export type ChangeType =
  | 'tenant.changed'
  | 'key.changed'
  | 'user.changed'
  | 'product.changed'
  | 'resource.changed'
  | 'provider.changed'
  | 'slot.changed';

/** A change of configuration: what the event and the audit entry say of it. */
interface ChangeFacts<T extends ChangeType> {
  readonly type: T;
  readonly aggregateType: 'Tenant' | 'ApiKey' | 'User' | 'Product' | 'Resource' | 'Provider' | 'ProviderSlot';
  readonly aggregateId: string;
  /** The aggregate's version after the change. */
  readonly version: number;
  /** Verb, such as tenant.update. */
  readonly action: string;
  /** Secrets are never in here. */
  readonly before: unknown;
  readonly after: unknown;
}

/** The payload is left out where it says nothing but that something changed. */
export type ConfigurationChange<T extends ChangeType> = ChangeFacts<T> &
  ({ v: 1 } extends EventPayloads[T]
    ? { readonly payload?: EventPayloads[T] }
    : { readonly payload: EventPayloads[T] });

/** Who makes a change, and by what clock: somebody's request, a command, the seed. */
export interface Author {
  readonly name: string;
  readonly clock: Clock;
  readonly newId: NewId;
}

export function authorOf(ctx: Context): Author {
  return { name: actorName(ctx.actor), clock: ctx.app.clock, newId: ctx.app.newId };
}

/** Writes the event and the audit entry of a change, in the transaction of the change (PRV-15). */
export async function recordChange<T extends ChangeType>(
  author: Author,
  tx: Transaction,
  change: ConfigurationChange<T>,
): Promise<void> {
  const occurredAt = author.clock.now();
  const { type, aggregateType, aggregateId, version, action, before, after } = change;
  appendEvent(tx, {
    id: author.newId(),
    type,
    aggregateType,
    aggregateId,
    version,
    payload: (change.payload ?? { v: 1 }) as EventPayloads[T],
    occurredAt,
  });
  await appendAudit(tx, {
    id: author.newId(),
    actor: author.name,
    action,
    target: `${aggregateType}:${aggregateId}`,
    before,
    after,
    occurredAt,
  });
}

/** After the commit: what this process knows of it counts at once, and the others hear of it. */
export function announceChange(
  ctx: Context,
  type: EventType,
  aggregateId: string,
  tenantId = ctx.scope.tenantId,
): void {
  // The version only has to say that it is not the first.
  ctx.app.auth.onJournalEvent({ tenantId, type, aggregateId, version: 2 });
  ctx.app.journal.wake();
}

/**
 * Checks that an input's tenant is the one worked in. Another tenant is entered by X-Tenant and by nothing else (decisions.md, "Keys,
 * tokens, origins, people").
 * @throws NOT_FOUND, for platform admins INVALID_INPUT that says how
 */
export function checkTenantId(
  ctx: Context,
  tenantId: string | null | undefined,
  field: readonly string[] = ['input', 'tenantId'],
): void {
  if (tenantId === null || tenantId === undefined) return;
  if (idOf('Tenant', tenantId, field) === ctx.scope.tenantId) return;
  if (ctx.actor.kind !== 'PLATFORM_ADMIN') throw notFound('tenant', field);
  throw invalidInput('This is not the tenant you work in. Send the header X-Tenant with its slug.', field);
}

/** @throws INVALID_STATE where the platform itself is meant, which has no website, keys or gateways. */
export function refusePlatform(isPlatform: boolean, what: string): void {
  if (isPlatform)
    throw new AppError(
      'INVALID_STATE',
      `The platform itself has no ${what}. Send the header X-Tenant with a tenant's slug.`,
    );
}
