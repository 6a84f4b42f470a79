import { seedDemo, type DemoFacts, type SimulatorAccount } from '../../prisma/seed.ts';

/** The master key of every installation in tests: what is seeded once is opened by all. */
export const SECRET_KEY = 'a master key for tests, nowhere else in use';

/** What the demo's seed left in a database. */
export interface Seed {
  readonly facts: DemoFacts;
  readonly simulatorAccounts: readonly SimulatorAccount[];
}

/** Nothing of it is in the database: it only stands in the accounts, until somebody says where they really are. */
const NOWHERE = 'http://installation.invalid';

/** Seeds a database that others are cloned from: hashing passwords is slow on purpose, and once is enough. */
export const seedTemplate = (databaseUrl: string): Promise<Seed> =>
  seedDemo({ databaseUrl, secretKey: SECRET_KEY, baseUrl: NOWHERE });

/** The same seed, of an installation that is reached there. */
export function seedAt(baseUrl: string, { facts, simulatorAccounts }: Seed): Seed {
  return {
    facts,
    simulatorAccounts: JSON.parse(JSON.stringify(simulatorAccounts).replaceAll(NOWHERE, baseUrl)) as SimulatorAccount[],
  };
}
