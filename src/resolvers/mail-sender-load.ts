import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { columns } from '../columns.ts';
import type { App } from '../context.ts';
import { credentialContext } from '../credentials.ts';
import type { EmailSenderModel } from '../generated/prisma/models.ts';
import type { MailAddress, MailConnection } from '../integrations/mail.ts';
import { mailOwner } from '../mail.ts';

/** Who sends a tenant's mail: itself where its sender is verified, else the platform in its name (business-integrations.md 4.4). */

export interface ReadySender {
  readonly row: EmailSenderModel;
  readonly connection: MailConnection;
  readonly from: MailAddress;
  readonly replyTo: string | null;
}

type Loading = Pick<App, 'db' | 'vault' | 'mail'>;

export const SENDER_COLUMNS = columns('EmailSender', 's');

/** @returns null where there is none @throws DECRYPTION_FAILED */
export async function senderFor(app: Loading, tenantId: string, shopName: string): Promise<ReadySender | null> {
  const own = await loadSender(app, tenantId);
  if (own?.row.enabled && own.row.verifiedAt !== null)
    return {
      ...own,
      from: { address: own.row.fromAddress, name: own.row.fromName ?? shopName },
      replyTo: own.row.replyTo,
    };
  if (own && !own.row.enabled) return null;
  const platform = tenantId === PLATFORM_TENANT_ID ? null : await loadSender(app, PLATFORM_TENANT_ID);
  if (!platform?.row.enabled || platform.row.verifiedAt === null) return null;
  return {
    ...platform,
    from: { address: platform.row.fromAddress, name: own?.row.fromName ?? shopName },
    replyTo: own?.row.replyTo ?? own?.row.fromAddress ?? null,
  };
}

/** A tenant's own sender as it is set, with its credentials open. @throws DECRYPTION_FAILED */
export async function loadSender(
  app: Loading,
  tenantId: string,
): Promise<{ readonly row: EmailSenderModel; readonly connection: MailConnection } | null> {
  const [row, sealed] = await app.db.read({ tenantId, customerId: null }, async (tx) => {
    const sender = await tx.maybeOne<EmailSenderModel>(
      `select ${SENDER_COLUMNS} from email_senders s where s.tenant_id = current_tenant()`,
    );
    const owner = sender && mailOwner(sender.transport);
    const secrets = await tx.query<{ name: string; version: number; sealed: Buffer }>(
      `select distinct on (c.name) c.name, c.version, c.sealed from credentials c
       where c.tenant_id = current_tenant() and c.owner = $1 order by c.name, c.version desc`,
      [owner ?? ''],
    );
    return [sender, secrets];
  });
  if (!row) return null;
  const owner = mailOwner(row.transport);
  const credentials = Object.fromEntries(
    sealed.map(({ name, version, sealed: bytes }) => [
      name,
      app.vault.open(bytes, credentialContext({ tenantId, owner, name, version })).toString(),
    ]),
  );
  return { row, connection: app.mail.connection(row, credentials) };
}
