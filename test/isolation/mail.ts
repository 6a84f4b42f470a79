import { randomUUID } from 'node:crypto';

import type { TestApp } from '../helpers/app.ts';

/** Mail of tenant A: a row in every table of it, with words that stand nowhere else. @returns the suppression's id */
export async function insertMail(world: TestApp, tenantId: string, userId: string): Promise<string> {
  const suppression = randomUUID();
  const statements: [string, readonly unknown[]][] = [
    [
      `insert into email_senders (tenant_id, transport, from_address, from_name, smtp_host, updated_at)
       values ($1, 'SMTP', 'kanarie@victim.example', 'Kanarienvogel', '127.0.0.1', now())`,
      [],
    ],
    [
      "insert into mail_templates (tenant_id, kind, locale, subject, text, updated_at) values ($1, 'ORDER_PAID', 'en', 'Kanarienvogel', 'CANARYREF {link}', now())",
      [],
    ],
    [
      `insert into mail_messages (tenant_id, id, kind, stream, state, reason, about_id, address_hash, reference, created_at)
       values ($1, $2, 'ORDER_PAID', 'TRANSACTIONAL', 'DELIVERED', 'CANARYREF', $3, '\\x01', 'CANARYREF', now())`,
      [randomUUID(), userId],
    ],
    [
      "insert into mail_suppressions (tenant_id, id, address_hash, stream, address, reason, created_at) values ($1, $2, '\\x01', 'MARKETING', 'kanarie@victim.example', 'BOUNCE', now())",
      [suppression],
    ],
    [
      "insert into marketing_pauses (tenant_id, reason, mails, bounces, complaints, paused_at) values ($1, 'BOUNCES', 987654, 1, 0, now())",
      [],
    ],
    [
      `insert into one_time_tokens (tenant_id, hash, purpose, subject_id, address_hash, created_at, expires_at)
       values ($1, '\\x02', 'PASSWORD_RESET', $2, '\\x01', now(), now() + interval '1 hour')`,
      [userId],
    ],
    [
      "insert into newsletter_subscriptions (tenant_id, id, address, state, created_at) values ($1, $2, 'kanarie@victim.example', 'CONFIRMED', now())",
      [randomUUID()],
    ],
  ];
  for (const [statement, values] of statements) await world.owner(statement, [tenantId, ...values]);
  return suppression;
}
