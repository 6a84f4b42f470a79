import type { Database } from '../src/db.ts';
import type { Author } from '../src/resolvers/configuration.ts';
import { writeSender } from '../src/resolvers/mail-sender.ts';
import type { Vault } from '../src/vault.ts';
import type { SimulatorAccount } from './seed.ts';

interface MailTools {
  readonly db: Database;
  readonly vault: Vault;
  readonly author: Author;
  readonly derive: (name: string) => string;
  readonly baseUrl: string;
}

/** The demo shop's mail goes to the simulated SES, which tells of it by the simulated SNS. */
export async function seedMail(
  tools: MailTools,
  tenant: { readonly id: string; readonly slug: string },
): Promise<SimulatorAccount> {
  const { db, vault, author, derive, baseUrl } = tools;
  const domain = `mail.${tenant.slug}.example`;
  const accessKeyId = `AKIA${derive(`ses|${tenant.slug}`)
    .replace(/[^A-Za-z0-9]/g, '')
    .toUpperCase()
    .slice(0, 16)}`;
  const secretAccessKey = derive(`ses secret|${tenant.slug}`).slice(0, 40);
  const topicArn = `arn:aws:sns:ap-northeast-1:123456789012:${tenant.slug}-mail`;
  const scope = { tenantId: tenant.id, customerId: null };
  await db.write(scope, async (tx) => {
    // What somebody changed since stays.
    const known = await tx.maybeOne('select 1 from email_senders where tenant_id = current_tenant()');
    if (known) return;
    await writeSender({ author, vault }, tx, tenant.id, {
      transport: 'SES',
      fromAddress: `shop@${domain}`,
      sesRegion: 'ap-northeast-1',
      topicArn,
      credentials: [
        { name: 'ACCESS_KEY_ID', value: accessKeyId },
        { name: 'SECRET_ACCESS_KEY', value: secretAccessKey },
      ],
    });
    await tx.query('update email_senders set verified_at = $1 where tenant_id = current_tenant()', [
      author.clock.now(),
    ]);
  });
  return {
    integration: 'ses',
    id: tenant.slug,
    settings: {
      accessKeyId,
      secretAccessKey,
      region: 'ap-northeast-1',
      verifiedDomains: [domain],
      topicArn,
      endpoint: `${baseUrl}/webhooks/mail/${tenant.slug}`,
    },
  };
}
