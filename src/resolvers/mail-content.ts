import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { LINK_MS_OF_KIND, type MailKind } from '../domain/mail.ts';
import { defaultWords, mailLocale, renderMail, type MailWords, type RenderedMail } from '../domain/mail-words.ts';
import { formatAmount } from '../domain/money.ts';
import type { MailMessageModel } from '../generated/prisma/models.ts';
import { addressHash } from './mail-outbox.ts';
import { makeToken } from './one-time-token.ts';

/** What a mail says and to whom, as it is when it is sent. */

export type Writing = Pick<App, 'clock' | 'vault' | 'randomBytes' | 'config'>;

export interface MailContent extends RenderedMail {
  readonly to: string;
  readonly addressHash: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whom it goes to and what it is about; a code where nothing is to be sent. */
interface Recipient {
  readonly to: string;
  readonly name: string | null;
  readonly locale: string | null;
  readonly subjectId: string;
  readonly number?: string;
  readonly total?: string;
}

interface Shop {
  readonly slug: string;
  readonly name: string;
  readonly locale: string;
  readonly domain: string | null;
}

/** @returns a code where there is nothing to send (any more) */
export async function writeMail(
  app: Writing,
  tx: Transaction,
  mail: MailMessageModel,
): Promise<{ readonly content: MailContent; readonly shop: Shop } | string> {
  const shop = await tx.one<Shop>('select slug, name, locale, domain from tenants where id = current_tenant()');
  const recipient = await recipientOf(tx, mail);
  if (typeof recipient === 'string') return recipient;
  const hash = addressHash(app, tx.scope.tenantId, recipient.to);
  const suppressed = await tx.query(
    'select 1 from mail_suppressions where tenant_id = current_tenant() and address_hash = $1 and stream = $2::mail_stream and lifted_at is null',
    [hash, mail.stream],
  );
  if (suppressed.length > 0) return 'SUPPRESSED';
  const link = await linkOf(app, tx, { mail, shop, recipient, hash });
  const { words, locale } = await wordsOf(tx, mail.kind, [recipient.locale, shop.locale]);
  const unsubscribe = mail.stream === 'MARKETING' ? unsubscribeUrl(app, tx.scope.tenantId, recipient.subjectId) : null;
  const values = {
    shop: shop.name,
    name: recipient.name ?? recipient.to,
    link,
    number: recipient.number ?? '',
    total: recipient.total ?? '',
  };
  const content = {
    ...renderMail(words, values, locale, unsubscribe === null ? [] : [unsubscribe]),
    to: recipient.to,
    addressHash: hash,
    headers: {
      'Auto-Submitted': 'auto-generated',
      ...(unsubscribe !== null && {
        'List-Unsubscribe': `<${unsubscribe}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      }),
    },
  };
  return { content, shop };
}

const PERSON = `select u.email as "to", u.first_name as name, u.locale, u.id as "subjectId" from users u where u.tenant_id = current_tenant() and u.active`;
const INVOICE = `select u.email as "to", u.first_name as name, u.locale, v.id as "subjectId", o.number, v.total_minor as minor, v.currency_code as currency
  from invoices v join orders o on o.tenant_id = v.tenant_id and o.id = v.order_id
  join users u on u.tenant_id = v.tenant_id and u.id = v.customer_id and u.erased_at is null
  where v.tenant_id = current_tenant() and v.id = $1`;

async function recipientOf(tx: Transaction, mail: MailMessageModel): Promise<Recipient | string> {
  const { kind, aboutId, toAddress } = mail;
  switch (kind) {
    case 'PASSWORD_RESET':
      return (await tx.maybeOne<Recipient>(`${PERSON} and u.email = $1`, [toAddress])) ?? 'NO_ACCOUNT';
    case 'EMAIL_VERIFICATION':
      return (
        (await tx.maybeOne<Recipient>(`${PERSON} and u.id = $1 and u.email_verified_at is null`, [aboutId])) ??
        'NOT_NEEDED'
      );
    case 'NEWSLETTER_CONFIRMATION':
      return (
        (await tx.maybeOne<Recipient>(
          `select address as "to", null as name, locale, id as "subjectId" from newsletter_subscriptions
           where tenant_id = current_tenant() and id = $1 and state = 'PENDING'`,
          [aboutId],
        )) ?? 'NOT_NEEDED'
      );
    case 'ORDER_PAID': {
      const invoice = await tx.maybeOne<Recipient & { minor: bigint; currency: string }>(INVOICE, [aboutId]);
      return invoice
        ? { ...invoice, total: `${formatAmount(invoice.minor, invoice.currency)} ${invoice.currency}` }
        : 'NOT_NEEDED';
    }
  }
}

const PATHS = {
  PASSWORD_RESET: 'reset-password',
  EMAIL_VERIFICATION: 'verify-email',
  NEWSLETTER_CONFIRMATION: 'confirm-newsletter',
} as const;

/** To a page of the tenant's own site, which hands the token to the graph; an invoice is a page of ours. */
async function linkOf(
  app: Writing,
  tx: Transaction,
  of: { mail: MailMessageModel; shop: Shop; recipient: Recipient; hash: Buffer },
): Promise<string> {
  const { mail, shop, recipient, hash } = of;
  if (mail.kind === 'ORDER_PAID') {
    const until = new Date(app.clock.now().getTime() + LINK_MS_OF_KIND.ORDER_PAID);
    const ticket = app.vault.sign('invoice', { tenantId: tx.scope.tenantId, id: recipient.subjectId }, until);
    return `${app.config.baseUrl}/invoices/${recipient.subjectId}.pdf?token=${encodeURIComponent(ticket)}`;
  }
  const token = await makeToken(app, tx, {
    purpose: mail.kind,
    subjectId: recipient.subjectId,
    addressHash: hash,
  });
  const site = shop.domain === null ? app.config.baseUrl : `https://${shop.domain}`;
  return `${site}/${PATHS[mail.kind]}?token=${token}`;
}

/** For mail programs that unsubscribe with one press (RFC 8058), and for people. */
function unsubscribeUrl(app: Writing, tenantId: string, id: string): string {
  const token = app.vault.sign('unsubscribe', { tenantId, id }, null);
  return `${app.config.baseUrl}/mail/unsubscribe?token=${encodeURIComponent(token)}`;
}

/** The tenant's own words in the nearest language it has some in; else ours. */
async function wordsOf(
  tx: Transaction,
  kind: MailKind,
  wanted: readonly [string | null, string],
): Promise<{ words: MailWords; locale: string }> {
  const own = await tx.query<MailWords & { locale: string }>(
    'select locale, subject, text from mail_templates where tenant_id = current_tenant() and kind = $1::mail_kind order by locale',
    [kind],
  );
  const languageOf = (locale: string): string => locale.split(/[-_]/)[0]!.toLowerCase();
  for (const locale of wanted) {
    if (locale === null) continue;
    const words =
      own.find((one) => one.locale === locale) ?? own.find((one) => languageOf(one.locale) === languageOf(locale));
    if (words) return { words, locale: words.locale };
  }
  const locale = mailLocale(wanted);
  return { words: defaultWords(kind, locale), locale };
}
