/**
 * A month's invoices as a zip that is made while it is sent (COM-11): pages are read by a few, rendered one at a time, and
 * no faster than whoever downloads takes them. The same month gives the same bytes: nothing in it depends on when it was made.
 */
import { createHash } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { ZipFile } from 'yazl';

import type { App } from './context.ts';
import { MANIFEST_HEAD, manifestLine } from './domain/invoice-archive.ts';
import type { InvoiceDocument } from './domain/invoice.ts';
import { formatAmount } from './domain/money.ts';
import { isUuid } from './ids.ts';
import { countInvoices, type ArchiveTicket } from './resolvers/invoice-archive.ts';
import { logoContent } from './resolvers/logo.ts';
import { json, NOT_FOUND, type RenderInvoice, type RouteAnswer, type RouteRequest } from './routes.ts';

/** Archives under way at once in this process. */
const ARCHIVES_MAX = 3;
const PAGE_ROWS = 20;
const LOG_EVERY = 100;
/** Stored, not packed: pages are packed already. The first day a zip can name, in whatever time zone the process has. */
const ENTRY = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false, forceDosTimestamp: true };

const BUSY = json(503, {
  error: { code: 'OVERLOADED', message: 'Other archives are being made. Please try again in a few minutes.' },
});

/** GET /invoices/archive/{month}.zip?token=...: the token says whose month, and until when the link may be opened. */
export function createInvoiceArchive(app: App, render: RenderInvoice): (request: RouteRequest) => Promise<RouteAnswer> {
  let underWay = 0;
  return async ({ params, query }) => {
    const ticket = app.vault.verify<ArchiveTicket>('invoice-archive', query.get('token') ?? '', app.clock.now());
    if (!ticket || ticket.month !== params['month'] || !isUuid(ticket.tenantId)) return NOT_FOUND;
    if (underWay >= ARCHIVES_MAX) return BUSY;
    underWay += 1;
    try {
      const count = await app.db.read(scopeOf(ticket), (tx) => countInvoices(tx, ticket.month));
      const body = new Archive(app, render, ticket, count).start();
      body.once('close', () => (underWay -= 1));
      return {
        status: 200,
        headers: {
          'content-type': 'application/zip',
          'content-disposition': `attachment; filename="invoices-${ticket.month}.zip"`,
          'cache-control': 'private, no-store',
          'x-invoice-count': String(count),
        },
        body,
      };
    } catch (error) {
      underWay -= 1;
      throw error;
    }
  };
}

interface ArchiveRow {
  readonly number: string;
  readonly kind: string;
  readonly totalMinor: bigint;
  readonly currencyCode: string;
  readonly document: InvoiceDocument;
}

interface KnownLogo {
  readonly sha256: string | undefined;
  readonly content: Uint8Array | null;
}

function scopeOf({ tenantId }: ArchiveTicket) {
  return { tenantId, customerId: null };
}

class Archive {
  readonly #app: App;
  readonly #render: RenderInvoice;
  readonly #ticket: ArchiveTicket;
  readonly #count: number;
  readonly #zip = new ZipFile();
  readonly #output = this.#zip.outputStream as Readable;
  readonly #gone = new AbortController();
  readonly #manifest = [MANIFEST_HEAD];
  #done = 0;
  #logo: KnownLogo = { sha256: undefined, content: null };

  constructor(app: App, render: RenderInvoice, ticket: ArchiveTicket, count: number) {
    this.#app = app;
    this.#render = render;
    this.#ticket = ticket;
    this.#count = count;
  }

  start(): Readable {
    this.#output.once('close', () => this.#gone.abort());
    this.#zip.once('error', (error) => this.#output.destroy(error));
    void this.#fill().then(
      () => this.#report('An archive of invoices was made'),
      (error: unknown) => this.#stop(error),
    );
    return this.#output;
  }

  async #fill(): Promise<void> {
    let after = '';
    for (;;) {
      const rows = await this.#rowsAfter(after);
      for (const row of rows) await this.#add(row);
      if (rows.length < PAGE_ROWS) break;
      after = rows.at(-1)!.number;
    }
    this.#zip.addBuffer(Buffer.from(this.#manifest.join('')), 'manifest.csv', ENTRY);
    this.#zip.end();
  }

  #rowsAfter(number: string): Promise<ArchiveRow[]> {
    return this.#app.db.read(scopeOf(this.#ticket), (tx) =>
      tx.query<ArchiveRow>(
        `select number, kind, total_minor as "totalMinor", currency_code as "currencyCode", document from invoices
         where tenant_id = current_tenant() and issued_month = $1 and number > $2 order by number limit ${PAGE_ROWS}`,
        [this.#ticket.month, number],
      ),
    );
  }

  async #add({ number, kind, totalMinor, currencyCode, document }: ArchiveRow): Promise<void> {
    const logo = await this.#logoOf(document);
    this.#gone.signal.throwIfAborted();
    const bytes = await this.#render(document, logo);
    this.#manifest.push(
      manifestLine({
        number,
        kind,
        date: document.issuedAt,
        total: formatAmount(totalMinor, currencyCode),
        currency: currencyCode,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      }),
    );
    await this.#put(`${number}.pdf`, bytes);
    this.#done += 1;
    if (this.#done % LOG_EVERY === 0) this.#report('An archive of invoices is being made');
  }

  /** Resolves when the bytes have gone on their way. The zip remembers its streams, so this one must not keep them. */
  async #put(name: string, bytes: Uint8Array): Promise<void> {
    this.#gone.signal.throwIfAborted();
    const source = new PassThrough();
    this.#zip.addReadStream(source, name, { ...ENTRY, size: bytes.byteLength });
    source.end(bytes);
    await finished(source, { signal: this.#gone.signal });
  }

  /** Most invoices of a month bear the same picture. */
  async #logoOf(document: InvoiceDocument): Promise<Uint8Array | null> {
    const sha256 = document.tenant.logo?.sha256;
    if (sha256 !== this.#logo.sha256) {
      const content = await this.#app.db.read(scopeOf(this.#ticket), (tx) => logoContent(tx, sha256));
      this.#logo = { sha256, content };
    }
    return this.#logo.content;
  }

  #stop(error: unknown): void {
    if (this.#gone.signal.aborted) return this.#report('An archive of invoices was given up: nobody takes it');
    this.#report('An archive of invoices failed', error);
    // Cut off, so that nobody takes what there is for the whole.
    this.#output.destroy(error instanceof Error ? error : new Error(String(error)));
  }

  #report(message: string, error?: unknown): void {
    const { tenantId, month } = this.#ticket;
    const facts = { tenantId, month, done: this.#done, invoices: this.#count };
    if (error === undefined) this.#app.log.info(facts, message);
    else this.#app.log.error({ ...facts, err: error }, message);
  }
}
