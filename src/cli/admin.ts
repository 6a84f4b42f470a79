import { randomBytes } from 'node:crypto';

import { appendAudit } from '../audit.ts';
import { createUser } from '../auth/people.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { AppError } from '../errors.ts';
import { createIdSource } from '../ids.ts';
import { createPasswords } from '../passwords.ts';
import { UsageError, type Command } from './command.ts';
import { AUTHOR, clock, withDatabase } from './open.ts';
import { readSecret } from './secret-input.ts';

export const ADMIN_CREATE: Command = {
  name: 'admin create',
  usage: '--email you@example.com [--first-name Ada] [--last-name Lovelace]',
  help: [
    'The first administrator of the platform (OPS-7). The password, 8 characters or more, comes from standard input, or from',
    'the file named by ADMIN_PASSWORD_FILE; never from an argument, which others on the machine could read.',
  ],
  options: { email: { type: 'string' }, 'first-name': { type: 'string' }, 'last-name': { type: 'string' } },
  async run(given, around) {
    const email = given.text('email');
    if (!email) throw new UsageError('Say --email.');
    const password = readSecret('Password', around.environment['ADMIN_PASSWORD_FILE'], around);
    const newId = createIdSource(clock, randomBytes);
    await withDatabase(around, async (db) => {
      try {
        const user = await createUser(
          { db, clock, newId, auth: { passwords: createPasswords(clock) } },
          PLATFORM_TENANT_ID,
          {
            email,
            firstName: given.text('first-name'),
            lastName: given.text('last-name'),
            role: 'PLATFORM_ADMIN',
            locale: null,
            secret: { password },
          },
          (tx, made) =>
            appendAudit(tx, {
              id: newId(),
              actor: AUTHOR,
              action: 'admin.create',
              target: `User:${made.id}`,
              before: null,
              after: { role: 'PLATFORM_ADMIN' },
              occurredAt: clock.now(),
            }),
        );
        await around.result(`${user.email} is an administrator of the platform now. Sign in without an API key.`);
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'EMAIL_TAKEN')) throw error;
        await around.result(`${email} is there already; nothing was changed.`);
      }
    });
    return true;
  },
};
