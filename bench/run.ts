import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { measureAvailability, type AvailabilityResults } from './availability.ts';
import { openTokenMaker, type TokenMaker } from './contestants.ts';
import { openBenchDatabase, openSmallDatabase, type BenchDatabase } from './database.ts';
import { installPeers } from './peers.ts';
import { measureLedger } from './ledger.ts';
import { runPgbench } from './pgbench.ts';
import { profileAvailability, profileQuery, profileSubscriptions, profileWebhooks } from './profile.ts';
import { measureProviderCalls, type ProviderCallResults } from './provider-calls.ts';
import { QUERY_NAMES, type QueryName } from './queries.ts';
import { makeReport, printReport, type Results } from './report.ts';
import { measureRouting } from './routing.ts';
import { measureSpeed } from './speed.ts';
import { countStatements } from './statements.ts';
import { measureSubscriptions } from './subscriptions.ts';
import { measureWebhooks } from './webhooks.ts';

/**
 * npm run bench                  all of it, written to bench/report.json
 * npm run bench -- ledger        the ledger alone, printed only
 * npm run bench -- routing       routing decisions and what stands around a provider's call alone, printed only
 * npm run bench -- availability  a busy diary's free times through the graph beside their SQL alone, printed only
 * npm run bench -- profile q1    where our process spends its time on q1, q2, q3, subscriptions, webhooks or availability
 *
 * BENCH_SECONDS (60) is the length of the subscriptions' run; everything else is in proportion. A shorter bench prints its report only.
 */
const SECONDS = 60;
const log = (line: string): void => console.log(line);

function lengths(seconds: number) {
  return {
    speed: { seconds: seconds / 12, warmSeconds: Math.max(2, seconds / 20) },
    subscriptionSeconds: seconds,
    webhooks: Math.max(500, Math.round(seconds * 50)),
    pgbenchSeconds: Math.max(2, Math.round(seconds / 6)),
    profileSeconds: Math.max(5, seconds / 6),
    routingSeconds: Math.max(2, seconds / 6),
    availabilitySeconds: Math.max(3, seconds / 2),
  };
}

async function measure(database: BenchDatabase, tokens: TokenMaker, seconds: number): Promise<Results> {
  const length = lengths(seconds);
  log('\nStatements by rows ...');
  const statements = await countStatements(database, tokens);
  log('\nQueries: each contestant alone on a core, the load and the database on the other ...');
  const { speed, probes } = await measureSpeed(database, tokens, length.speed, log);
  log('\nWebhooks ...');
  const webhooks = await measureWebhooks(database, length.webhooks, log);
  const pgbench = await runPgbench(database, length.pgbenchSeconds);
  log('\nLedger ...');
  const ledger = await measureLedger(database, length.pgbenchSeconds, log);
  log('\nSubscriptions ...');
  const subscriptions = await measureSubscriptions(database, tokens, length.subscriptionSeconds, log);
  log('\nRouting ...');
  const routing = measureRouting(length.routingSeconds, log);
  const providerCalls = await providerCallsOf(length.routingSeconds, { DATABASE_URL: database.ownerUrl });
  log('\nAvailability ...');
  const availability = await availabilityOf(length.availabilitySeconds, { DATABASE_URL: database.ownerUrl });
  return { statements, speed, probes, webhooks, pgbench, ledger, subscriptions, routing, providerCalls, availability };
}

/** @param server where the big database is open already */
function providerCallsOf(seconds: number, server: NodeJS.ProcessEnv = {}): Promise<ProviderCallResults> {
  return onSmallDatabase(server, (small) => measureProviderCalls(small, seconds, log));
}

function availabilityOf(seconds: number, server: NodeJS.ProcessEnv = {}): Promise<AvailabilityResults> {
  return onSmallDatabase(server, (small) => measureAvailability(small, seconds, log));
}

async function onSmallDatabase<T>(server: NodeJS.ProcessEnv, work: (small: BenchDatabase) => Promise<T>): Promise<T> {
  const small = await openSmallDatabase({ ...process.env, ...server }, log);
  try {
    return await work(small);
  } finally {
    await small.stop();
  }
}

async function main([command, query]: readonly string[]): Promise<void> {
  const seconds = Number(process.env['BENCH_SECONDS'] || SECONDS);
  if (!(seconds >= 1)) throw new Error('BENCH_SECONDS must be a number from 1.');
  if (command === 'routing') {
    measureRouting(lengths(seconds).routingSeconds, log);
    return void (await providerCallsOf(lengths(seconds).routingSeconds));
  }
  if (command === 'availability') return void (await availabilityOf(lengths(seconds).availabilitySeconds));
  const isProfile = command === 'profile';
  if (isProfile && query === 'availability')
    return onSmallDatabase({}, (small) => profileAvailability(small, lengths(seconds).profileSeconds, log));
  const profiles: readonly string[] = [...QUERY_NAMES, 'subscriptions', 'webhooks', 'availability'];
  if (command !== undefined && command !== 'ledger' && !(isProfile && profiles.includes(query ?? '')))
    throw new Error(
      `There are: npm run bench, npm run bench -- ledger|routing|availability, and npm run bench -- profile ${profiles.join('|')}.`,
    );
  if (command === undefined) installPeers(log);
  const database = await openBenchDatabase(process.env, log);
  const tokens = openTokenMaker(database);
  try {
    log(database.description);
    if (query === 'subscriptions')
      return await profileSubscriptions(database, tokens, lengths(seconds).profileSeconds, log);
    if (command === 'ledger') {
      const pgbench = await runPgbench(database, lengths(seconds).pgbenchSeconds);
      log(`${pgbench.by}: ${Math.round(pgbench.perSecond)} a second`);
      return void (await measureLedger(database, lengths(seconds).pgbenchSeconds, log));
    }
    if (query === 'webhooks') return await profileWebhooks(database, lengths(seconds).webhooks, log);
    if (isProfile)
      return await profileQuery(database, tokens, query as QueryName, lengths(seconds).profileSeconds, log);
    const report = makeReport(database, await measure(database, tokens, seconds), new Date());
    printReport(report, log);
    if (seconds < SECONDS) return log('\nShorter than a whole run, so bench/report.json stays as it is.');
    writeFileSync(join(import.meta.dirname, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    log('\nWritten to bench/report.json.');
  } finally {
    await tokens.close();
    await database.stop();
  }
}

// Whatever ends us, our processes end with us: each holds the other end of a channel of ours.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
if (process.connected) {
  process.once('disconnect', () => process.exit(1));
  process.channel?.unref();
}
await main(process.argv.slice(2));
process.exit();
