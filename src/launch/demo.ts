import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { seedDemo, type DemoFacts } from '../../prisma/seed.ts';
import { writePrivate } from './secrets.ts';
import type { LaunchSettings } from './settings.ts';

/** What scripts find in DATA_DIR/demo.json. */
export type DemoFile = DemoFacts & { url: string; wsUrl: string };

/**
 * Loads the demo data (again changes nothing), tells the simulators the demo's accounts, and writes demo.json, readable by
 * its owner only.
 */
export async function prepareDemo(settings: LaunchSettings, appUrl: string, secretKey: string): Promise<DemoFile> {
  // The simulators send their webhooks to this machine only, whatever address the outside uses.
  const here = `http://localhost:${settings.port}`;
  const { facts, simulatorAccounts } = await seedDemo({
    databaseUrl: appUrl,
    secretKey,
    baseUrl: here,
    loyalty: true,
    mail: true,
    providers: true,
  });
  const folder = join(settings.dataDir, 'simulators');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const accounts: Record<string, Record<string, unknown>> = {};
  for (const { integration, id, settings: account } of simulatorAccounts)
    accounts[integration] = { ...accounts[integration], [id]: account };
  writePrivate(join(folder, 'accounts.json'), JSON.stringify(accounts, null, 2));
  const url = `${settings.baseUrl}/graphql`;
  const file: DemoFile = { url, wsUrl: url.replace(/^http/, 'ws'), ...facts };
  writePrivate(join(settings.dataDir, 'demo.json'), `${JSON.stringify(file, null, 2)}\n`);
  return file;
}
