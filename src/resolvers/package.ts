import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { orderStateOf, type BookingPhase } from '../domain/booking.ts';
import { addAll } from '../domain/money.ts';
import type { PlanStep, RollbackPolicy } from '../domain/package-plan.ts';
import { stateOfLeg, stateOfPayment, type StepState } from '../domain/package-steps.ts';
import { legStateOf, tallyOf, type PackageStatus, type Tally } from '../domain/package.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import { decodeGlobalId } from '../global-id.ts';
import { PACKAGE_COLUMNS, type BookingRow, type PackageRow } from '../loaders.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type PageArguments,
  type Paged,
} from '../paging.ts';
import { pricedPackage, wantedPackage, type BookPackageInput } from './package-legs.ts';
import { stepsOf, type KeptPlan } from './package-kept.ts';

/** A plan as it is shown, before it is carried out and while it is. */
export interface ShownPlan {
  readonly steps: readonly ShownStep[];
  readonly currencyCode: string;
  readonly totalMinor: bigint;
  /** What the properties take themselves, on the spot. */
  readonly payAtPropertyMinor: bigint;
  readonly worstCaseMinor: bigint;
  readonly riskUntil: Date;
  readonly rollback: RollbackPolicy;
}

export interface ShownStep extends PlanStep {
  readonly currencyCode: string;
  readonly state: StepState;
  /** Null for the payment. */
  readonly providerSlug: string | null;
  readonly descriptions: readonly { readonly locale: string; readonly text: string }[];
  /** Null for the payment, and before anything is written. */
  readonly booking: BookingRow | null;
}

/**
 * What booking a package would come to (BEY-12): every price is asked once more, and nothing is booked.
 * @throws INVALID_INPUT, OFFER_EXPIRED, CURRENCY_MISMATCH, SOLD_OUT, PRICE_CHANGED, RISK_TOO_HIGH, PROVIDER_UNAVAILABLE
 */
export async function planPackage(ctx: Context, input: BookPackageInput): Promise<ShownPlan> {
  authorize(ctx, 'package.plan');
  const wanted = wantedPackage(input, ctx);
  const { plan, legs, policy } = await ctx.reads.pauseFor(() => pricedPackage(wanted, ctx));
  const { currencyCode } = wanted;
  return {
    ...plan,
    currencyCode,
    payAtPropertyMinor: addAll(legs.map(({ checked }) => checked.payAtPropertyMinor ?? 0n)),
    rollback: policy.rollback,
    steps: plan.steps.map((step) => ({
      ...step,
      currencyCode,
      state: 'WAITING',
      providerSlug: step.leg === null ? null : legs[step.leg]!.wanted.offer.providerSlug,
      descriptions: step.leg === null ? [] : legs[step.leg]!.wanted.descriptions,
      booking: null,
    })),
  };
}

/** A package's plan as it was shown, with what became of its steps so far. */
export async function planOfPackage(ctx: Context, row: PackageRow): Promise<ShownPlan> {
  authorize(ctx, 'package.read');
  const kept = row.plan as unknown as KeptPlan;
  const [bookings, order] = await Promise.all([
    ctx.loaders.bookingsOfPackage.load(row.id),
    row.orderId === null ? null : ctx.loaders.order.load(row.orderId),
  ]);
  const { currencyCode, totalMinor, rollback } = row;
  return {
    currencyCode,
    totalMinor,
    rollback,
    payAtPropertyMinor: addAll(bookings.map(({ payAtPropertyMinor }) => payAtPropertyMinor)),
    worstCaseMinor: BigInt(kept.worstCaseMinor),
    riskUntil: new Date(kept.riskUntil),
    steps: stepsOf(kept).map((step) => {
      const booking = bookings.find(({ packageLeg }) => packageLeg === step.leg) ?? null;
      return {
        ...step,
        ...(booking === null || step.kind === 'PAY' ? livePayment(step, order) : liveLeg(step, step.kind, booking)),
        currencyCode,
        providerSlug: booking?.providerSlug ?? null,
        descriptions: step.leg === null ? [] : kept.legs[step.leg]!.descriptions,
        booking,
      };
    }),
  };
}

function livePayment({ deadline }: PlanStep, order: OrderModel | null): Pick<ShownStep, 'state' | 'deadline'> {
  const isPaid = order !== null && order.paidAt !== null;
  const isOver = order === null || orderStateOf(order.status) === 'ENDED';
  return { state: stateOfPayment({ isPaid, isOver }), deadline: order?.expiresAt ?? deadline };
}

function liveLeg(
  { deadline }: PlanStep,
  kind: Exclude<PlanStep['kind'], 'PAY'>,
  { phase, status, holdExpiresAt, providerReference }: BookingRow,
): Pick<ShownStep, 'state' | 'deadline'> {
  const leg = legStateOf({ phase: phase as BookingPhase, status });
  return {
    // Providers that keep it name it, and some do not say for how long.
    state: stateOfLeg(kind, leg, providerReference !== null),
    deadline: kind === 'CONFIRM' ? (holdExpiresAt ?? deadline) : deadline,
  };
}

/** Where a package's money is: with its bookings, on its way back, or lost by cancelling. */
export async function tallyOfPackage(ctx: Context, row: PackageRow): Promise<Tally> {
  authorize(ctx, 'package.read');
  const bookings = await ctx.loaders.bookingsOfPackage.load(row.id);
  return tallyOf(
    bookings.map(({ phase, status, amountMinor, refundDueMinor }) => ({
      state: legStateOf({ phase: phase as BookingPhase, status }),
      amountMinor,
      backMinor: refundDueMinor ?? 0n,
    })),
  );
}

export interface PackageFilter {
  readonly status?: readonly PackageStatus[] | null;
  readonly customerId?: string | null;
}

// No one's: a filter by an id that is nobody's finds nothing, as one by another tenant's does.
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** The tenant's packages, newest first; a customer's own only. */
export async function listPackages(
  ctx: Context,
  filter: PackageFilter | null | undefined,
  args: PageArguments,
): Promise<Connection<PackageRow & Paged>> {
  authorize(ctx, 'package.read');
  const page = pageArgs(args);
  const conditions = conditionsOf(filter ?? {}, ctx.scope.customerId);
  const seek = keyset(page, 'k', conditions.length + 1);
  const where = conditions.map(({ text }, index) => `and ${text.replace('?', `$${index + 1}`)}`).join(' ');
  const rows = await ctx.reads.query<PackageRow & Paged>(
    `select ${PACKAGE_COLUMNS}, ${cursorColumn('k')} from packages k where k.tenant_id = current_tenant() ${where} ${seek.where} ${seek.tail}`,
    [...conditions.map(({ value }) => value), ...seek.values],
  );
  for (const row of rows) ctx.loaders.package.prime(row.id, row);
  return toConnection(rows, page);
}

function conditionsOf(filter: PackageFilter, customerId: string | null): { text: string; value: unknown }[] {
  const conditions: { text: string; value: unknown }[] = [];
  // Row-level security says the same; said here as well, the customer's own index is used.
  if (customerId !== null) conditions.push({ text: 'k.customer_id = ?', value: customerId });
  if (filter.customerId) {
    const decoded = decodeGlobalId(filter.customerId);
    conditions.push({ text: 'k.customer_id = ?', value: decoded?.typeName === 'User' ? decoded.id : NOBODY });
  }
  if (filter.status) conditions.push({ text: 'k.status = any(?::package_status[])', value: filter.status });
  return conditions;
}

/** A package by id; null where there is none of the caller's. */
export async function readPackage(ctx: Context, globalId: string): Promise<PackageRow | null> {
  authorize(ctx, 'package.read');
  const decoded = decodeGlobalId(globalId);
  return decoded?.typeName === 'Package' ? ctx.loaders.package.load(decoded.id) : null;
}
