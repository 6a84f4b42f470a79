import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { checkCredentialValue, writeCredential } from '../credentials.ts';
import type { Transaction } from '../db.ts';
import { checkSender, type SenderFields } from '../domain/mail-sender.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { EmailSenderModel } from '../generated/prisma/models.ts';
import type { CredentialRow } from '../loaders.ts';
import { mailOwner } from '../mail.ts';
import { runOperation, type Done } from '../operations.ts';
import type { Vault } from '../vault.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';
import { loadSender, SENDER_COLUMNS } from './mail-sender-load.ts';

export type EmailSenderRow = EmailSenderModel;
type Given<T> = T | null | undefined;

export interface SenderSettings extends SenderFields {
  readonly credentials?: Given<readonly { readonly name: string; readonly value: string }[]>;
}

export interface ConfigureSenderInput extends SenderSettings {
  readonly idempotencyKey?: Given<string>;
  readonly tenantId?: Given<string>;
}

const CHECK_MS_MAX = 8_000;

/** How the tenant's mail leaves, for its administrators. @throws FORBIDDEN */
export async function emailSenderOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<EmailSenderRow | null> {
  authorize(ctx, 'emailSender.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see how this tenant's mail is sent.`);
  const [row] = await ctx.reads.query<EmailSenderRow>(
    `select ${SENDER_COLUMNS} from email_senders s where s.tenant_id = current_tenant()`,
  );
  return row ?? null;
}

/** The newest version of each credential: name, version, last four characters. */
export async function senderCredentialsOf(
  ctx: Context,
  sender: Pick<EmailSenderRow, 'transport'>,
): Promise<CredentialRow[]> {
  authorize(ctx, 'emailSender.read');
  return ctx.loaders.credentialsOfOwner.load(mailOwner(sender.transport));
}

/**
 * Says how the tenant's mail leaves. Nothing is sent from the address before `verifyEmailSender` has found that it may be; until then the
 * platform sends in the tenant's name (TEN-5, BIZ-4). @throws INVALID_INPUT, NOT_FOUND
 */
export async function configureEmailSender(ctx: Context, input: ConfigureSenderInput): Promise<Done> {
  authorize(ctx, 'emailSender.configure');
  checkTenantId(ctx, input.tenantId);
  checkSender(input, ctx.app.config.environment === 'production');
  checkNames(input.credentials ?? [], ctx.app.mail.transport(input.transport).credentialNames);
  const { tenantId } = ctx.scope;
  const done = await runOperation(ctx, 'configureEmailSender', { ...input }, (operation) =>
    operation.once((tx) => writeSender({ author: authorOf(ctx), vault: ctx.app.vault }, tx, tenantId, input)),
  );
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

/** Asks the transport whether it may send from the address. @throws GATEWAY_REJECTED, GATEWAY_UNAVAILABLE, NOT_FOUND, DECRYPTION_FAILED */
export async function verifyEmailSender(
  ctx: Context,
  input: { readonly idempotencyKey?: Given<string>; readonly tenantId?: Given<string> },
): Promise<Done> {
  authorize(ctx, 'emailSender.configure');
  checkTenantId(ctx, input.tenantId);
  const { tenantId } = ctx.scope;
  const done = await runOperation(ctx, 'verifyEmailSender', { ...input }, async (operation) => {
    const sender = await loadSender(ctx.app, tenantId);
    if (!sender) throw notFound('email sender');
    const { row, connection } = sender;
    const call = { timeoutMs: CHECK_MS_MAX };
    const outcome = await ctx.app.mail.transport(row.transport).check(connection, row.fromAddress, call);
    if (outcome.kind !== 'done') throw notChecked(outcome.kind === 'notDone' && outcome.reason === 'misconfigured');
    if (!outcome.value.verified)
      throw new AppError('GATEWAY_REJECTED', 'The domain of this address is not verified with the mail service yet.');
    return operation.once((tx) => writeVerified(authorOf(ctx), tx, tenantId, row));
  });
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

function notChecked(misconfigured: boolean): AppError {
  return misconfigured
    ? new AppError('GATEWAY_REJECTED', 'The mail service refuses these credentials or settings.')
    : new AppError('GATEWAY_UNAVAILABLE', 'The mail service does not answer as it should. Please try again.');
}

async function writeVerified(author: Author, tx: Transaction, tenantId: string, seen: EmailSenderRow): Promise<Done> {
  const { version } = await tx.one<{ version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning version',
  );
  // What was changed meanwhile was not what was asked about.
  const found = await tx.query(
    'update email_senders set verified_at = $1 where tenant_id = current_tenant() and updated_at = $2 returning 1',
    [author.clock.now(), seen.updatedAt],
  );
  if (found.length === 0) throw new AppError('CONFLICT', 'The email sender was changed meanwhile. Please try again.');
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: tenantId,
    version,
    action: 'emailSender.verify',
    before: null,
    after: { verified: true },
  });
  return { type: 'Tenant', id: tenantId };
}

/** The same for the seed, in a transaction of the tenant's. Whatever it says of address, server or credentials has to be verified anew. */
export async function writeSender(
  tools: { readonly author: Author; readonly vault: Vault },
  tx: Transaction,
  tenantId: string,
  settings: SenderSettings,
): Promise<Done> {
  const { author, vault } = tools;
  // The tenant's row is locked first: two changes at once would both take the next version of a credential.
  const { version } = await tx.one<{ version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning version',
  );
  const before = await tx.maybeOne<EmailSenderRow>(
    `select ${SENDER_COLUMNS} from email_senders s where s.tenant_id = current_tenant()`,
  );
  const after = {
    transport: settings.transport,
    enabled: settings.enabled ?? before?.enabled ?? true,
    fromAddress: settings.fromAddress.toLowerCase(),
    fromName: settings.fromName ?? null,
    replyTo: settings.replyTo ?? null,
    smtpHost: settings.smtpHost?.toLowerCase() ?? null,
    smtpPort: settings.smtpPort ?? null,
    sesRegion: settings.sesRegion ?? null,
    transactionalSet: settings.transactionalSet ?? null,
    marketingSet: settings.marketingSet ?? null,
    topicArn: settings.topicArn ?? null,
  };
  const isAsVerified =
    before !== undefined &&
    (settings.credentials ?? []).length === 0 &&
    (['transport', 'fromAddress', 'smtpHost', 'smtpPort', 'sesRegion'] as const).every(
      (name) => before[name] === after[name],
    );
  await tx.query(UPSERT, [...Object.values(after), author.clock.now(), isAsVerified ? before.verifiedAt : null]);
  const owner = mailOwner(settings.transport);
  const changed: object[] = [];
  for (const { name, value } of settings.credentials ?? [])
    changed.push(await writeCredential({ ...author, vault }, tx, { owner, name, value }));
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: tenantId,
    version,
    action: 'emailSender.configure',
    before: before ? shown(before) : null,
    after: { ...shown(after), credentials: changed },
  });
  return { type: 'Tenant', id: tenantId };
}

const UPSERT = `insert into email_senders (tenant_id, transport, enabled, from_address, from_name, reply_to, smtp_host, smtp_port, ses_region,
    transactional_set, marketing_set, topic_arn, updated_at, verified_at)
  values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
  on conflict (tenant_id) do update set transport = excluded.transport, enabled = excluded.enabled, from_address = excluded.from_address,
    from_name = excluded.from_name, reply_to = excluded.reply_to, smtp_host = excluded.smtp_host, smtp_port = excluded.smtp_port,
    ses_region = excluded.ses_region, transactional_set = excluded.transactional_set, marketing_set = excluded.marketing_set,
    topic_arn = excluded.topic_arn, updated_at = excluded.updated_at, verified_at = excluded.verified_at`;

/** What the audit log is told: the shop's own addresses, and nobody else's. */
function shown(of: Omit<EmailSenderRow, 'tenantId' | 'verifiedAt' | 'updatedAt'>): object {
  const { transport, enabled, fromAddress, fromName, replyTo, smtpHost, smtpPort, sesRegion, topicArn } = of;
  return { transport, enabled, fromAddress, fromName, replyTo, smtpHost, smtpPort, sesRegion, topicArn };
}

function checkNames(
  credentials: readonly { readonly name: string; readonly value: string }[],
  names: readonly string[],
): void {
  const field = ['input', 'credentials'];
  const given = credentials.map(({ name }) => name);
  if (given.some((name) => !names.includes(name)))
    throw invalidInput(`The credentials of this transport are: ${names.join(', ')}.`, field);
  if (new Set(given).size < given.length) throw invalidInput('A credential is named twice.', field);
  for (const { value } of credentials) checkCredentialValue(value, field);
}
