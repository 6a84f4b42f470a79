import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { STREAM_OF_KIND, type MailKind } from '../domain/mail.ts';

export interface NewMail {
  readonly kind: MailKind;
  /** The order, person or subscription it is about; null where nobody knows yet whose address it is. */
  readonly aboutId: string | null;
  /** Where `aboutId` does not say it. */
  readonly toAddress?: string;
}

/** Puts a mail into the outbox in the transaction that makes the occasion: it is sent if that commits, and then for certain. */
export function queueMail(app: Pick<App, 'clock' | 'newId'>, tx: Transaction, mail: NewMail): void {
  const now = app.clock.now();
  tx.insertLater(
    'insert into mail_messages (tenant_id, id, kind, stream, about_id, to_address, next_attempt_at, created_at)',
    [app.newId(), mail.kind, STREAM_OF_KIND[mail.kind], mail.aboutId, mail.toAddress ?? null, now, now],
  );
}

/** An address as it is recognised when it is not kept any more. */
export function addressHash(app: Pick<App, 'vault'>, tenantId: string, address: string): Buffer {
  return app.vault.hashKey(`mail ${tenantId} ${address.toLowerCase()}`);
}
