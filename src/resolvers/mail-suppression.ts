import { actorName, authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import { columns } from '../columns.ts';
import type { App, Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import type { MailStream } from '../domain/mail.ts';
import { notFound } from '../errors.ts';
import type { MailSuppressionModel } from '../generated/prisma/models.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type Paged,
  type PageArguments,
} from '../paging.ts';
import { addressHash } from './mail-outbox.ts';

/** Where nothing is sent any more (business-integrations.md 4.5), as an operator sees it, and lets an address be written to again. */

export type MailSuppressionRow = Omit<MailSuppressionModel, 'addressHash'>;

const COLUMNS = columns('MailSuppression', 's', ['addressHash']);

/** Those in force, newest first. @param address only of this address, also where only its hash is kept */
export async function listSuppressions(
  ctx: Context,
  address: string | null,
  args: PageArguments,
): Promise<Connection<MailSuppressionRow & Paged>> {
  authorize(ctx, 'mail.read');
  const page = pageArgs(args);
  const { where, tail, values } = keyset(page, 's', 2);
  const hash = address === null ? null : addressHash(ctx.app, ctx.scope.tenantId, address);
  const rows = await ctx.reads.query<MailSuppressionRow & Paged>(
    `select ${COLUMNS}, ${cursorColumn('s')} from mail_suppressions s
     where s.tenant_id = current_tenant() and s.lifted_at is null and ($1::bytea is null or s.address_hash = $1) ${where} ${tail}`,
    [hash, ...values],
  );
  return toConnection(rows, page);
}

export async function suppressionsByIds(ctx: Context, ids: readonly string[]): Promise<(MailSuppressionRow | null)[]> {
  authorize(ctx, 'mail.read');
  const rows = await ctx.reads.query<MailSuppressionRow>(
    `select ${COLUMNS} from mail_suppressions s where s.tenant_id = current_tenant() and s.id = any($1::uuid[])`,
    [ids],
  );
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

// Whoever lifts a bounce must not lift a complaint with it, unseen: the complaint takes the bounce's place.
const SUPPRESS = `insert into mail_suppressions as s (tenant_id, id, address_hash, stream, address, reason, created_at)
  values (current_tenant(), $1, $2, $3::mail_stream, $4, $5, $6)
  on conflict (tenant_id, address_hash, stream) do update set address = coalesce(excluded.address, s.address), reason = excluded.reason,
    created_at = excluded.created_at, lifted_at = null
  where s.lifted_at is not null or (excluded.reason = 'COMPLAINT' and s.reason <> 'COMPLAINT')`;

/** Writes down that an address gets no more of a stream. @param address null where nobody named it; its hash is kept in any case */
export async function suppress(
  app: Pick<App, 'clock' | 'newId'>,
  tx: Transaction,
  of: { readonly hash: Buffer; readonly stream: MailStream; readonly address: string | null; readonly reason: string },
): Promise<void> {
  await tx.query(SUPPRESS, [app.newId(), of.hash, of.stream, of.address, of.reason, app.clock.now()]);
}

/**
 * Lets an address be written to again, in one stream. The mail service keeps a list of its own, which nobody here can lift. Lifted again is
 * lifted; a new bounce or complaint suppresses anew. @throws NOT_FOUND
 */
export async function liftSuppression(
  ctx: Context,
  input: { readonly suppressionId: string; readonly idempotencyKey?: string | null | undefined },
): Promise<Done> {
  authorize(ctx, 'mail.allow');
  const field = ['input', 'suppressionId'];
  const id = idOf('MailSuppression', input.suppressionId, field);
  return runOperation(ctx, 'liftMailSuppression', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const row = await tx.maybeOne<Pick<MailSuppressionRow, 'stream' | 'reason' | 'liftedAt'>>(
        `select s.stream, s.reason, s.lifted_at as "liftedAt" from mail_suppressions s
         where s.tenant_id = current_tenant() and s.id = $1 for update`,
        [id],
      );
      if (!row) throw notFound('suppression', field);
      if (row.liftedAt === null) await lift(ctx, tx, id, row);
      return { type: 'MailSuppression', id };
    }),
  );
}

async function lift(
  ctx: Context,
  tx: Transaction,
  id: string,
  before: { stream: string; reason: string },
): Promise<void> {
  const { clock, newId } = ctx.app;
  const now = clock.now();
  await tx.query('update mail_suppressions set lifted_at = $2 where tenant_id = current_tenant() and id = $1', [
    id,
    now,
  ]);
  await appendAudit(tx, {
    id: newId(),
    actor: actorName(ctx.actor),
    action: 'mailSuppression.lift',
    // By its id: whose address it is stands nowhere for good.
    target: `MailSuppression:${id}`,
    before: { stream: before.stream, reason: before.reason },
    after: null,
    occurredAt: now,
  });
}
