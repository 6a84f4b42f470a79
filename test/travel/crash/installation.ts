import pg from 'pg';

import { seedDemo } from '../../../prisma/seed.ts';
import { createTestDatabase } from '../../helpers/database.ts';
import { freePort } from '../../helpers/ports.ts';
import { askingAny, untilReady, type Ask } from '../../helpers/raging.ts';
import { SECRET_KEY } from '../../helpers/seed.ts';
import { startSimulators, type FaultRule, type Simulators } from '../../helpers/simulators.ts';
import { Child, forkApi } from '../../live/storm/children.ts';
import type { Random } from '../../live/storm/random.ts';

/** The demo with its travel providers switched on, in processes of its own that can be killed. */

/** By which the sandboxes know us. */
export const ACCOUNT = 'portolan';
export type Query = <T = any>(text: string, values?: readonly unknown[]) => Promise<T[]>;
type Facts = Awaited<ReturnType<typeof seedDemo>>['facts'];

export interface Installation {
  readonly owner: Query;
  readonly simulators: Simulators;
  readonly ports: readonly number[];
  readonly children: readonly Child[];
  readonly facts: Facts;
  readonly random: Random;
  close(): Promise<void>;
}

export interface InstallationOptions {
  readonly random: Random;
  readonly processes: number;
  /** In a process of their own: they need time that we measure. */
  readonly simulatorsApart?: boolean;
  /** What differs from the usual at the sandboxes, by integration. */
  readonly accounts: Readonly<Record<string, Record<string, unknown>>>;
  /** Before the processes start. */
  readonly configure: (owner: Query) => Promise<void>;
}

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
  pool.on('error', () => undefined);
  const owner: Query = async (text, values = []) => (await pool.query(text, values as unknown[])).rows;
  const simulators = await startSimulators({ child: options.simulatorsApart ?? false });
  const ports = await Promise.all(Array.from({ length: options.processes }, freePort));
  const baseUrl = `http://127.0.0.1:${ports[0]}`;
  const children: Child[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
    await simulators.stop();
    await pool.end();
    await database.drop();
  };
  try {
    const { facts, simulatorAccounts } = await seedDemo({
      databaseUrl: database.appUrl,
      secretKey: SECRET_KEY,
      baseUrl,
      providers: true,
    });
    for (const { integration, id, settings } of simulatorAccounts)
      await simulators.register(integration, id, { ...settings, ...options.accounts[integration] });
    await owner('update providers set enabled = true, calls_per_minute = 1000000, concurrent_max = 50');
    await owner('update portal_configs set rate_limit_per_minute = 1000000');
    await options.configure(owner);
    for (const port of ports)
      children.push(new Child(() => forkApi(environment({ url: database.appUrl, simulators, baseUrl, port }))));
    await untilReady(ports);
    return { owner, simulators, ports, children, facts, random: options.random, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function environment(of: { url: string; simulators: Simulators; baseUrl: string; port: number }) {
  return {
    ROLE: 'all',
    DATABASE_URL: of.url,
    SECRET_KEY,
    PORT: String(of.port),
    APP_BASE_URL: of.baseUrl,
    SIMULATORS_URL: of.simulators.url,
    DATABASE_POOL_SIZE: '6',
  };
}

/** A sandbox misbehaves as told, until told otherwise. */
export const misbehave = (
  { simulators }: Pick<Installation, 'simulators'>,
  integration: string,
  rules: readonly FaultRule[],
): Promise<void> => simulators.scenario({ integration, account: ACCOUNT, rules });

/** Of our own processes. */
const PASSING = new Set(['OVERLOADED', 'INTERNAL']);

export const askInstallation = ({ ports, random }: Installation): Ask => askingAny(ports, random, PASSING);

export async function signIn(ask: Ask, facts: Facts, login: object): Promise<{ token: string; userId: string }> {
  const { login: payload } = await ask(
    '',
    'mutation ($input: LoginInput!) { login(input: $input) { session { accessToken user { id } } } }',
    { input: login, key: facts.portalKey },
  );
  return { token: payload.session.accessToken, userId: payload.session.user.id };
}

/** More than anybody can spend. @param customer global id */
export async function fillWallet(owner: Query, customer: string, currencyCode: string): Promise<void> {
  const holder = Buffer.from(customer, 'base64url').toString().split(':')[1]!;
  const nil = '00000000-0000-0000-0000-000000000000';
  const minor = 10_000_000_000;
  await owner(
    `select set_config('app.tenant_id', $1, false), post_ledger(jsonb_build_array(jsonb_build_object('id', gen_random_uuid(), 'kind', 'ADJUSTMENT',
       'subjectId', gen_random_uuid(), 'currencyCode', $3::text, 'occurredAt', now(), 'entries', jsonb_build_array(
         jsonb_build_object('kind', 'ADJUSTMENTS_GIVEN', 'holderId', '${nil}', 'amountMinor', '${minor}'),
         jsonb_build_object('kind', 'WALLET', 'holderId', $2::text, 'amountMinor', '-${minor}')))), '[]')`,
    ['00000000-0000-4000-8000-0000000000d1', holder, currencyCode],
  );
}
