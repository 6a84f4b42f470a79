import { columns } from '../columns.ts';
import { appendEvent } from '../events.ts';
import type { Clock } from '../clock.ts';
import type { Database, Transaction } from '../db.ts';
import { pgCode } from '../db.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { UserRole } from '../generated/prisma/enums.ts';
import type { NewId } from '../ids.ts';
import type { UserRow } from '../loaders.ts';
import { checkNewPassword, isImportableHash, type Passwords } from '../passwords.ts';
import { PLATFORM_TENANT_ID } from './platform.ts';

export interface NewPerson {
  readonly email: string;
  readonly role: UserRole;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly phone?: string | null;
  readonly locale: string | null;
  /** Either a password, or the hash of an imported account (bcrypt, argon2id). */
  readonly secret: { readonly password: string } | { readonly hash: string };
}

export interface PeopleTools {
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly auth: { readonly passwords: Passwords };
}

const USER_COLUMNS = columns('User', 'u', ['passwordHash']);
const NAME_CHARACTERS_MAX = 200;

/** Addresses are compared in lower case; nothing else of them is changed. @throws INVALID_INPUT */
export function normalEmail(email: string, field: readonly string[] = ['input', 'email']): string {
  const normal = email.trim().toLowerCase();
  if (normal.length < 3 || normal.length > 254 || !/^[^\s@]+@[^\s@]+$/.test(normal))
    throw invalidInput('This is not an email address.', field);
  return normal;
}

/**
 * Makes a person in a tenant; the same email in another tenant is another person (TEN-10).
 * @param also further work in the same transaction: opening the first session.
 * @throws EMAIL_TAKEN, WEAK_PASSWORD, INVALID_INPUT
 */
export async function createUser(
  tools: PeopleTools,
  tenantId: string,
  person: NewPerson,
  also: (tx: Transaction, user: UserRow) => Promise<void> = nothing,
): Promise<UserRow> {
  const email = normalEmail(person.email);
  if (person.role === 'PLATFORM_ADMIN' && tenantId !== PLATFORM_TENANT_ID)
    throw invalidInput('Platform administrators belong to the platform.', ['input', 'role']);
  checkName(person.firstName, 'firstName');
  checkName(person.lastName, 'lastName');
  const passwordHash = await hashOf(tools, person.secret, email);
  const id = tools.newId();
  try {
    return await tools.db.write({ tenantId, customerId: null }, async (tx) => {
      const now = tools.clock.now();
      const user = await tx.one<UserRow>(INSERT, [
        id,
        email,
        person.firstName,
        person.lastName,
        person.phone ?? null,
        person.locale,
        person.role,
        passwordHash,
        now,
      ]);
      appendEvent(tx, {
        id: tools.newId(),
        type: 'user.changed',
        aggregateType: 'User',
        aggregateId: id,
        version: 1,
        payload: { v: 1 },
        occurredAt: now,
      });
      await also(tx, user);
      return user;
    });
  } catch (error) {
    if (pgCode(error) === '23505')
      throw new AppError('EMAIL_TAKEN', 'There is an account with this email address already.', {
        field: ['input', 'email'],
      });
    throw error;
  }
}

async function nothing(): Promise<void> {}

async function hashOf(tools: PeopleTools, secret: NewPerson['secret'], email: string): Promise<string> {
  if ('password' in secret) {
    checkNewPassword(secret.password, email, ['input', 'password']);
    return tools.auth.passwords.hash(secret.password);
  }
  if (!isImportableHash(secret.hash))
    throw invalidInput('Only bcrypt ($2a$, $2b$, $2y$) and argon2id hashes can be imported.', ['input', 'hash']);
  return secret.hash;
}

function checkName(name: string | null, field: string): void {
  if (name !== null && name.length > NAME_CHARACTERS_MAX)
    throw invalidInput(`A name has ${NAME_CHARACTERS_MAX} characters at most.`, ['input', field]);
}

const INSERT = `insert into users as u (tenant_id, id, email, first_name, last_name, phone, locale, role, password_hash, created_at)
  values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${USER_COLUMNS}`;
