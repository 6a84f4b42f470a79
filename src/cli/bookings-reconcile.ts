import { setTimeout as pause } from 'node:timers/promises';

import type { App } from '../context.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import {
  bookingsToReconcile,
  reconcileBooking,
  type Finding,
  type Reconciled,
} from '../resolvers/booking-reconcile.ts';
import type { Command, Surroundings } from './command.ts';
import { withApp } from './open.ts';
import { forEachTenant, scopeOf, type Tenant } from './tenants.ts';

const PROGRESS_EVERY_MS = 5_000;
/** A provider that wants to be left alone for longer is left alone. */
const WAIT_MS_MAX = 120_000;
const TRIES = 3;

export const BOOKINGS_RECONCILE: Command = {
  name: 'bookings reconcile',
  usage: '[--tenant slug] [--provider slug] [--ended] [--dry-run] [--json]',
  help: [
    'Asks the providers about every booking whose outcome is open, or that should stand and is not over yet, of all tenants or of one, and',
    'lists where they say otherwise. A difference that can end by itself gets an inquiry (BEY-3): it asks once more, and does what follows,',
    'refunds included. The others are for a person. With --ended those that failed or were cancelled here are asked about, too: one that still',
    'stands there costs somebody money. With --dry-run nothing is written. Ends with 1 where anything differs or is not known.',
  ],
  options: {
    tenant: { type: 'string' },
    provider: { type: 'string' },
    ended: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (given, around) =>
    withApp(around, (app) => {
      const which = { slug: given.text('provider'), ended: given.flag('ended') };
      const how = { which, opens: !given.flag('dry-run'), asJson: given.flag('json') };
      return forEachTenant(app.db, given.text('tenant'), (tenant) => reconcileTenant(app, tenant, how, around));
    }),
};

interface How {
  readonly which: Parameters<typeof bookingsToReconcile>[2];
  readonly opens: boolean;
  readonly asJson: boolean;
}

/** One at a time: providers' limits are there for those who buy. @returns whether all of it agrees */
async function reconcileTenant(app: App, tenant: Tenant, how: How, around: Surroundings): Promise<boolean> {
  const counts = new Map<Finding, number>();
  let [asked, toldAt] = [0, performance.now()];
  for await (const page of bookingsToReconcile(app, scopeOf(tenant), how.which)) {
    for (const booking of page) {
      const told = await reconcilePatiently(app, tenant, booking, how, around);
      counts.set(told.finding, (counts.get(told.finding) ?? 0) + 1);
      asked += 1;
      if (IS_TOLD.has(told.finding)) await around.result(lineOf(tenant, booking, told, how));
      if (performance.now() - toldAt < PROGRESS_EVERY_MS) continue;
      toldAt = performance.now();
      around.progress(`${tenant.slug}: ${asked} bookings so far ...`);
    }
  }
  await around.result(summaryOf(tenant, asked, counts, how));
  return [...counts.keys()].every((finding) => !IS_TOLD.has(finding));
}

async function reconcilePatiently(
  app: App,
  tenant: Tenant,
  booking: BookingModel,
  { opens }: How,
  around: Surroundings,
): Promise<Reconciled> {
  for (let tries = 1; ; tries += 1) {
    const told = await reconcileBooking(app, scopeOf(tenant), booking, opens);
    const waitMs = told.retryAt === null ? 0 : told.retryAt.getTime() - app.clock.now().getTime();
    if (told.retryAt === null || waitMs > WAIT_MS_MAX || tries === TRIES) return told;
    around.progress(`${booking.providerSlug} wants to be left alone for ${Math.ceil(waitMs / 1_000)} s ...`);
    await pause(Math.max(0, waitMs));
  }
}

const IS_TOLD: ReadonlySet<Finding> = new Set(['LOOK_UP', 'PERSON', 'UNANSWERED']);

const WORDS: Readonly<Record<Finding, string>> = {
  AGREES: 'agree',
  LOOK_UP: 'differ and are looked up',
  PERSON: 'differ and need a person',
  UNANSWERED: 'got no answer',
  SILENT: 'are with providers that can not be asked',
  TOO_EARLY: 'are too new to be shown there',
  BUSY: 'are being worked on',
};

function summaryOf({ slug }: Tenant, asked: number, counts: ReadonlyMap<Finding, number>, { asJson }: How): string {
  if (asJson) return JSON.stringify({ tenant: slug, bookings: asked, findings: Object.fromEntries(counts) });
  const parts = (Object.keys(WORDS) as Finding[])
    .filter((finding) => counts.has(finding))
    .map((finding) => `${counts.get(finding)} ${WORDS[finding]}`);
  return [`${slug}: ${asked} bookings`, ...(parts.length > 0 ? [parts.join(', ')] : [])].join(': ');
}

function lineOf({ slug }: Tenant, booking: BookingModel, told: Reconciled, { opens, asJson }: How): string {
  const { reference, providerSlug, providerReference, phase, status } = booking;
  const { finding, said, detail, inquiryId } = told;
  if (asJson)
    return JSON.stringify({
      tenant: slug,
      booking: booking.id,
      reference,
      provider: providerSlug,
      providerReference,
      here: { status, phase },
      there: said,
      finding,
      detail,
      inquiry: inquiryId,
    });
  const here = status === phase ? status : `${status} (${phase})`;
  const name = `${slug} ${reference} at ${providerSlug}${providerReference === null ? '' : ` ${providerReference}`}`;
  if (finding === 'UNANSWERED') return `${name}: ${here} here, no answer there: ${detail}`;
  const what = finding === 'PERSON' ? 'for a person' : opens ? `inquiry ${inquiryId}` : 'an inquiry would look it up';
  return `${name}: ${here} here, ${said} there: ${what}`;
}
