import { brokenLaws } from '../../helpers/books.ts';
import { killingWhile, untilReady, type Kills } from '../../helpers/raging.ts';
import type { FaultRule } from '../../helpers/simulators.ts';
import { pause, Random } from '../../live/storm/random.ts';
import { agreement, type Agreement } from './agreement.ts';
import {
  ACCOUNT,
  askInstallation,
  fillWallet,
  misbehave,
  openInstallation,
  signIn,
  type Installation,
  type Query,
} from './installation.ts';
import { travelOnce, type Agency, type Told } from './traveller.ts';

const TRAVELLERS = 12;
const SETTLE_MS_MAX = 300_000;

/** Before the effect, after it, and with an answer nobody can read: of everything that changes a vendor's books, and of asking them. */
const changing = (operation: string): FaultRule[] => [
  { operation, fault: 'status5xxAfter', probability: 0.04 },
  { operation, fault: 'resetAfter', probability: 0.05 },
  { operation, fault: 'malformedBody', probability: 0.01 },
  { operation, fault: 'truncated', probability: 0.01 },
  { operation, fault: 'slowAfter', probability: 0.05, ms: 1_500 },
  { operation, fault: 'status5xx', probability: 0.03 },
  { operation, fault: 'resetBefore', probability: 0.03 },
];
const asking = (operation: string): FaultRule[] => [
  { operation, fault: 'resetBefore', probability: 0.04 },
  { operation, fault: 'status5xx', probability: 0.04 },
];
const RULES: Readonly<Record<string, readonly FaultRule[]>> = {
  expedia: [
    ...['book', 'resume', 'cancelHold', 'cancelRoom'].flatMap(changing),
    { operation: 'book', fault: 'lateVisible', probability: 0.04, ms: 2_500 },
    { operation: 'book', fault: 'soldOut', probability: 0.02 },
    { operation: 'book', fault: 'priceChanged', probability: 0.02 },
    { operation: 'resume', fault: 'stateUnknown', probability: 0.04, ms: 1_500 },
    { operation: 'cancelHold', fault: 'stateUnknown', probability: 0.04, ms: 1_500 },
    { operation: 'cancelRoom', fault: 'stateUnknown', probability: 0.04, ms: 1_500 },
    ...['find', 'retrieve'].flatMap(asking),
  ],
  booking: [
    ...['create', 'cancel'].flatMap(changing),
    { operation: 'create', fault: 'lateVisible', probability: 0.04, ms: 2_500 },
    { operation: 'create', fault: 'soldOut', probability: 0.02 },
    ...['orderDetails', 'accommodationOrders'].flatMap(asking),
  ],
  kiwi: [
    ...['save_booking', 'confirm_payment'].flatMap(changing),
    { operation: 'confirm_payment', fault: 'duplicateWebhook', probability: 0.1 },
    { operation: 'confirm_payment', fault: 'lateWebhook', probability: 0.1, ms: 2_000 },
  ],
};

export interface TravelCrash extends Agreement {
  readonly seed: number;
  readonly kills: Kills;
  readonly told: Told;
  readonly seconds: number;
}

/**
 * Stays and flights booked through two processes of ours that are killed at random, at vendors that lose requests and answers; then the
 * time for look-ups comes, and every booking of ours is held against the vendors' own books.
 */
export async function travelCrash(seed: number, bookings: number): Promise<TravelCrash> {
  const since = performance.now();
  const random = new Random(seed);
  const here = await openInstallation({ random, processes: 2, accounts: PLENTY, configure });
  try {
    const { owner, simulators } = here;
    const agency = await openAgency(here);
    for (const [integration, rules] of Object.entries(RULES)) await misbehave(here, integration, rules);
    const told: Told = {};
    const renewing = setInterval(() => void renew(here, agency), RENEW_EVERY_MS);
    const kills = await killingWhile(here, () => travel(agency, { seed, bookings, told })).finally(() =>
      clearInterval(renewing),
    );
    await settleAll(here);
    const result = await agreement(owner, simulators, ACCOUNT);
    const laws = Object.keys(await brokenLaws({ owner }));
    const seconds = Math.round((performance.now() - since) / 1000);
    return { seed, seconds, kills, told, ...result, differences: [...result.differences, ...laws] };
  } finally {
    await here.close();
  }
}

/** Rooms and seats for everybody: nobody is to be sold out but by a fault. */
const PLENTY: Readonly<Record<string, Record<string, unknown>>> = {
  expedia: { roomsEach: 1_000, retryDelaysMs: [100, 300] },
  booking: { roomsPerType: 1_000 },
  kiwi: {
    seats: 9,
    depositEuro: 1_000_000_000,
    carrierDelayMs: 300,
    retryDelaysMs: Array.from({ length: 50 }, () => 1_000),
  },
};

async function configure(owner: Query): Promise<void> {
  // Both sell stays, each to a country of its own.
  for (const [slug, country] of Object.entries({ expedia: 'US', booking: 'GB' }))
    await owner('update provider_slots set rules = $2 where provider_slug = $1', [
      slug,
      JSON.stringify({ countryAllow: [country] }),
    ]);
  const paid = { paymentTiming: 'pay_online_now', paymentMethod: 'wallet' };
  await owner("update providers set settings = $1 where slug = 'booking'", [JSON.stringify(paid)]);
}

async function openAgency(here: Installation): Promise<Agency> {
  const ask = askInstallation(here);
  const { token, userId } = await signIn(ask, here.facts, here.facts.customer);
  await fillWallet(here.owner, userId, 'USD');
  const walletMethodId = Buffer.from('PaymentMethod:WALLET:balance').toString('base64url');
  return { ask, customer: token, walletMethodId, random: here.random };
}

const RENEW_EVERY_MS = 5 * 60_000;

async function renew(here: Installation, agency: Agency): Promise<void> {
  agency.customer = (await signIn(agency.ask, here.facts, here.facts.customer)).token;
}

async function travel(agency: Agency, of: { seed: number; bookings: number; told: Told }): Promise<void> {
  let [next, made] = [0, 0];
  const one = async (): Promise<void> => {
    while (made < of.bookings) if (await travelOnce(agency, `s${of.seed}-${next++}`, of.told)) made += 1;
  };
  await Promise.all(Array.from({ length: TRAVELLERS }, one));
}

/** Nobody is killed any more and vendors behave; whatever waits for its time is due, until nothing is under way. */
async function settleAll(here: Installation): Promise<void> {
  const { owner, children, ports } = here;
  for (const integration of Object.keys(RULES)) await misbehave(here, integration, []);
  // Nobody is in the middle of a call then, so that every lease is a dead one's.
  for (const child of children) child.kill();
  await pause(300);
  await owner("update bookings set leased_until = now() - interval '1 second' where leased_until is not null");
  await owner("update operations set lease_until = now() - interval '1 second' where status = 'IN_FLIGHT'");
  await owner("update refunds set leased_until = now() - interval '1 second' where leased_until is not null");
  await owner("update jobs.job set started_on = started_on - interval '1 hour' where state = 'active'");
  // Nothing made before is hidden any more; not so far that an order would lie outside of the time in which it is looked for.
  await owner("update bookings set attempted_at = attempted_at - interval '20 minutes'");
  await owner("update bookings set attempted_at = attempted_at - interval '2 hours' where provider_slug = 'kiwi'");
  await untilReady(ports);
  const until = performance.now() + SETTLE_MS_MAX;
  do {
    await hoursPass(owner);
    await pause(2_500);
  } while ((await underWay(owner)) > 0 && performance.now() < until);
}

async function hoursPass(owner: Query): Promise<void> {
  await owner('update bookings set next_step_at = now() where next_step_at > now() and leased_until is null');
  await owner("update inquiries set next_look_up_at = now() where resolution = 'OPEN'");
  await owner("update refunds set next_poll_at = now() where status = 'REQUESTED'");
}

async function underWay(owner: Query): Promise<number> {
  const [row] = await owner<{ open: number }>(
    `select (select count(*) from inquiries where resolution = 'OPEN')::int
       + (select count(*) from bookings where next_step_at is not null and not (phase = 'PENDING' and provider_slug = 'kiwi'))::int
       + (select count(*) from refunds where status = 'REQUESTED')::int as open`,
  );
  return row!.open;
}
