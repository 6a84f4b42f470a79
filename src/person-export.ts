/**
 * A customer's data as one JSON document that is made while it is sent (TEN-10): some rows at a time, as fast as whoever downloads takes
 * them, no transaction open in between. What changes meanwhile may stand in it as it was or as it is.
 */
import { Readable } from 'node:stream';

import type { App } from './context.ts';
import type { Scope } from './db.ts';
import { isUuid } from './ids.ts';
import { addressHash } from './resolvers/mail-outbox.ts';
import type { ExportTicket } from './resolvers/person-export.ts';
import {
  readAppointments,
  readMails,
  readMailState,
  readOrders,
  readPackages,
  readProfile,
  readStatement,
  readStaysAndFlights,
  type Listed,
  type ReadPage,
} from './resolvers/person-read.ts';
import { json, NOT_FOUND, type RouteAnswer, type RouteRequest } from './routes.ts';

/** Raised with every change of the document's shape. */
const FORMAT = 1;
/** Exports under way at once in this process, and of one person. */
const EXPORTS_MAX = 4;
const PAGE_ROWS = 100;

const BUSY = json(503, {
  error: { code: 'OVERLOADED', message: 'Other exports are being made. Please try again in a moment.' },
});

/** GET /people/export.json?token=...: the token says whose data, and until when the link may be opened. */
export function createPersonExport(app: App): (request: RouteRequest) => Promise<RouteAnswer> {
  const underWay = new Set<string>();
  return async ({ query }) => {
    const ticket = app.vault.verify<ExportTicket>('customer-export', query.get('token') ?? '', app.clock.now());
    if (!ticket || !isUuid(ticket.tenantId) || !isUuid(ticket.customerId)) return NOT_FOUND;
    const name = `${ticket.tenantId} ${ticket.customerId}`;
    if (underWay.size >= EXPORTS_MAX || underWay.has(name)) return BUSY;
    underWay.add(name);
    try {
      const start = await readStart(app, ticket);
      if (start === null) {
        underWay.delete(name);
        return NOT_FOUND;
      }
      const body = Readable.from(documentOf(app, ticket, start), { objectMode: false });
      body.once('close', () => underWay.delete(name));
      return {
        status: 200,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'content-disposition': 'attachment; filename="my-data.json"',
          'cache-control': 'private, no-store',
        },
        body,
      };
    } catch (error) {
      underWay.delete(name);
      throw error;
    }
  };
}

interface Start {
  readonly head: object;
  readonly addressHash: Buffer;
}

/** What there is one of. Null where the person was erased since the link was made. */
function readStart(app: App, { tenantId, customerId }: ExportTicket): Promise<Start | null> {
  return app.db.read({ tenantId, customerId: null }, async (tx) => {
    const profile = await readProfile(tx, customerId);
    if (!profile) return null;
    const hash = addressHash(app, tenantId, profile.email);
    const [shop, mail] = await Promise.all([
      tx.one<object>('select slug, name from tenants where id = current_tenant()'),
      readMailState(tx, profile, hash),
    ]);
    const head = { format: FORMAT, madeAt: app.clock.now(), shop, profile, mail };
    return { head, addressHash: hash };
  });
}

/** The lists, in the order in which they stand in the document; each is read as the customer or, where they see nothing, as the shop. */
function listsOf(hash: Buffer): readonly { name: string; as: 'CUSTOMER' | 'SHOP'; read: ReadPage }[] {
  return [
    { name: 'orders', as: 'CUSTOMER', read: readOrders },
    { name: 'bookings', as: 'CUSTOMER', read: readStaysAndFlights },
    { name: 'appointments', as: 'CUSTOMER', read: readAppointments },
    { name: 'packages', as: 'CUSTOMER', read: readPackages },
    { name: 'statement', as: 'CUSTOMER', read: readStatement },
    { name: 'mails', as: 'SHOP', read: readMails(hash) },
  ];
}

async function* documentOf(app: App, ticket: ExportTicket, start: Start): AsyncGenerator<string> {
  // Its closing brace comes last.
  yield JSON.stringify(start.head).slice(0, -1);
  try {
    for (const { name, as, read } of listsOf(start.addressHash)) {
      const scope: Scope = { tenantId: ticket.tenantId, customerId: as === 'CUSTOMER' ? ticket.customerId : null };
      yield `,\n${JSON.stringify(name)}:[`;
      yield* rowsOf((after) => app.db.read(scope, (tx) => read(tx, ticket.customerId, after, PAGE_ROWS)));
      yield ']';
    }
  } catch (error) {
    // Cut off, so that nobody takes what there is for the whole.
    app.log.error({ tenantId: ticket.tenantId, err: error }, 'an export failed');
    throw error;
  }
  yield '}\n';
}

type Place = Listed['place'];

async function* rowsOf(read: (after: Place | null) => Promise<readonly Listed[]>): AsyncGenerator<string> {
  let after: Place | null = null;
  for (;;) {
    const rows: readonly Listed[] = await read(after);
    const texts = rows.map(({ shown }) => JSON.stringify(shown));
    if (texts.length > 0) yield `${after === null ? '\n' : ',\n'}${texts.join(',\n')}`;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)!.place;
  }
}
