import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Statements } from '../db.ts';
import { checkMonth } from '../domain/invoice-archive.ts';
import { AppError } from '../errors.ts';

/** More do not go into one archive: its table of contents is kept until the end. */
const INVOICES_MAX = 50_000;
const LINK_MS = 15 * 60_000;

export interface InvoiceArchive {
  readonly month: string;
  readonly invoices: number;
  readonly url: string;
}

/** What the link to an archive says; signed for the purpose 'invoice-archive'. */
export interface ArchiveTicket {
  readonly tenantId: string;
  readonly month: string;
}

/** @throws INVALID_INPUT for what is no month, INVALID_STATE for one with too many invoices */
export async function readInvoiceArchive(ctx: Context, given: string): Promise<InvoiceArchive> {
  authorize(ctx, 'invoice.archive');
  const month = checkMonth(given);
  const invoices = await countInvoices(ctx.reads, month);
  if (invoices > INVOICES_MAX)
    throw new AppError(
      'INVALID_STATE',
      `An archive holds ${INVOICES_MAX} invoices at most; this month has ${invoices}.`,
    );
  const expiresAt = new Date(ctx.app.clock.now().getTime() + LINK_MS);
  const ticket: ArchiveTicket = { tenantId: ctx.scope.tenantId, month };
  const token = ctx.app.vault.sign('invoice-archive', ticket, expiresAt);
  return {
    month,
    invoices,
    url: `${ctx.app.config.baseUrl}/invoices/archive/${month}.zip?token=${encodeURIComponent(token)}`,
  };
}

/** Invoices and credit notes whose day of issue, as it stands on the page, is in the month. */
export async function countInvoices(statements: Statements, month: string): Promise<number> {
  const [row] = await statements.query<{ count: number }>(
    'select count(*)::int as count from invoices where tenant_id = current_tenant() and issued_month = $1',
    [month],
  );
  return row?.count ?? 0;
}
