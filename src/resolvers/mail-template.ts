import { authorize } from '../access.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { MailKind, MailState } from '../domain/mail.ts';
import { MAIL_VALUES } from '../domain/mail-words.ts';
import { invalidInput } from '../errors.ts';
import type { MailTemplateModel } from '../generated/prisma/models.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange } from './configuration.ts';

export type MailTemplateRow = MailTemplateModel;

export interface SetTemplateInput {
  readonly kind: MailKind;
  readonly locale: string;
  readonly subject?: string | null | undefined;
  readonly text?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
}

const SUBJECT_CHARACTERS_MAX = 200;
const TEXT_CHARACTERS_MAX = 20_000;

function checkOwn(ctx: Context, tenant: { readonly id: string; readonly slug: string }): void {
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's mail.`);
}

/** The tenant's own words, for its administrators. @throws FORBIDDEN */
export async function mailTemplatesOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<MailTemplateRow[]> {
  authorize(ctx, 'emailSender.read');
  checkOwn(ctx, tenant);
  return ctx.reads.query<MailTemplateRow>(
    `select ${columns('MailTemplate', 'm')} from mail_templates m where m.tenant_id = current_tenant() order by m.kind, m.locale`,
  );
}

export interface MailCount {
  readonly kind: MailKind;
  readonly state: MailState;
  readonly reason: string | null;
  readonly count: bigint;
}

const COUNTED_MS = 7 * 86_400_000;

/** What became of the mails of the last seven days. @throws FORBIDDEN */
export async function mailCountsOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<MailCount[]> {
  authorize(ctx, 'emailSender.read');
  checkOwn(ctx, tenant);
  return ctx.reads.query<MailCount>(
    `select kind, state, reason, count(*) as count from mail_messages where tenant_id = current_tenant() and created_at > $1
     group by 1, 2, 3 order by 1, 2, 3`,
    [new Date(ctx.app.clock.now().getTime() - COUNTED_MS)],
  );
}

/** The tenant's own words for a kind of mail in one language; without words ours are used again. @throws INVALID_INPUT */
export async function setMailTemplate(ctx: Context, input: SetTemplateInput): Promise<Done> {
  authorize(ctx, 'emailSender.configure');
  checkTenantId(ctx, input.tenantId);
  const words = wordsIn(input);
  const { tenantId } = ctx.scope;
  const { kind, locale } = input;
  const done = await runOperation(ctx, 'setMailTemplate', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const { version } = await tx.one<{ version: number }>(
        'update tenants set version = version + 1 where id = current_tenant() returning version',
      );
      if (words === null)
        await tx.query(
          'delete from mail_templates where tenant_id = current_tenant() and kind = $1::mail_kind and locale = $2',
          [kind, locale],
        );
      else
        await tx.query(
          `insert into mail_templates (tenant_id, kind, locale, subject, text, updated_at) values (current_tenant(), $1, $2, $3, $4, $5)
           on conflict (tenant_id, kind, locale) do update set subject = excluded.subject, text = excluded.text, updated_at = excluded.updated_at`,
          [kind, locale, words.subject, words.text, ctx.app.clock.now()],
        );
      await recordChange(authorOf(ctx), tx, {
        type: 'tenant.changed',
        aggregateType: 'Tenant',
        aggregateId: tenantId,
        version,
        action: 'mailTemplate.set',
        before: null,
        after: { kind, locale, subject: words?.subject ?? null },
      });
      return { type: 'Tenant', id: tenantId };
    }),
  );
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

function wordsIn(input: SetTemplateInput): { subject: string; text: string } | null {
  const { subject, text } = input;
  if (!subject && !text) return null;
  if (!subject || subject.length > SUBJECT_CHARACTERS_MAX || /\p{Cc}/u.test(subject))
    throw invalidInput(`A subject has from 1 to ${SUBJECT_CHARACTERS_MAX} characters, on one line.`, [
      'input',
      'subject',
    ]);
  if (!text || text.length > TEXT_CHARACTERS_MAX || text.includes('\0'))
    throw invalidInput(`A text has from 1 to ${TEXT_CHARACTERS_MAX} characters.`, ['input', 'text']);
  const strange = [...`${subject} ${text}`.matchAll(/\{(\w+)\}/g)].find(
    ([, name]) => !MAIL_VALUES.some((known) => known === name),
  );
  if (strange) throw invalidInput(`What may stand in braces: ${MAIL_VALUES.join(', ')}.`, ['input', 'text']);
  // Mails of which the link is the point say it.
  if (!text.includes('{link}')) throw invalidInput('The text needs {link}.', ['input', 'text']);
  return { subject, text };
}
