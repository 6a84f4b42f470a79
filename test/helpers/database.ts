import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

import type { Seed } from './seed.ts';

/** What globalSetup prepared once for the whole run. */
export interface TestServer {
  /** The owner's address of a database on the server, used only to create and drop others. */
  ownerUrl: string;
  /** The application's address of the template: no superuser, bound by row-level security. */
  appUrl: string;
  /** Migrated, with nothing in it, and nobody may connect to it. */
  template: string;
  /** The same with the demo's seed in it. */
  seededTemplate: string;
  seed: Seed;
  /** Begins the name of every database of this run. */
  prefix: string;
  /** Nobody named a server, so this one is the run's own. */
  isEmbedded: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    testServer: TestServer;
  }
}

export interface TestDatabase {
  /** The owner's address: bypasses row-level security, for preparing and for looking behind the scenes. */
  ownerUrl: string;
  /** The application's address, as in production. */
  appUrl: string;
  /** What was in it from the beginning; null: nothing. */
  seed: Seed | null;
  /** Drops the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** A migrated, empty database of the test file's own, cloned from the run's template. Call `drop` in afterAll. */
export function createTestDatabase(): Promise<TestDatabase> {
  return cloneOf(inject('testServer').template, null);
}

/** The same with the demo's tenants, people, keys and gateways in it. */
export function createSeededDatabase(): Promise<TestDatabase & { seed: Seed }> {
  const { seededTemplate, seed } = inject('testServer');
  return cloneOf(seededTemplate, seed);
}

async function cloneOf<S extends Seed | null>(template: string, seed: S): Promise<TestDatabase & { seed: S }> {
  const server = inject('testServer');
  const name = `${server.prefix}_${randomUUID().slice(0, 8)}`;
  await runOnServer(server.ownerUrl, `create database ${name} template ${template}`);
  return {
    ownerUrl: withDatabase(server.ownerUrl, name),
    appUrl: withDatabase(server.appUrl, name),
    seed,
    drop: () => runOnServer(server.ownerUrl, `drop database if exists ${name} with (force)`),
  };
}

/** An empty database without any migration, for tests of migrating itself. */
export async function createBlankDatabase(): Promise<Pick<TestDatabase, 'ownerUrl' | 'drop'>> {
  const { ownerUrl, prefix } = inject('testServer');
  const name = `${prefix}_${randomUUID().slice(0, 8)}`;
  await runOnServer(ownerUrl, `create database ${name} template template0`);
  return {
    ownerUrl: withDatabase(ownerUrl, name),
    drop: () => runOnServer(ownerUrl, `drop database if exists ${name} with (force)`),
  };
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

export async function runOnServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
