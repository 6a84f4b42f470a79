import { STEP_STATES } from '../domain/package-steps.ts';
import { planPackage, type ShownPlan, type ShownStep } from '../resolvers/package.ts';
import { Booking } from './booking.ts';
import { builder } from './builder.ts';
import { PassengerInput } from './flight.ts';
import { Money, money } from './money.ts';
import { RollbackPolicyType } from './package-policy.ts';
import { Provider } from './refs.ts';
import { GuestInput } from './stay.ts';

const PackageStepKind = builder.enumType('PackageStepKind', {
  description: 'What a step of a package does.',
  values: {
    HOLD: { description: 'The provider keeps it unpaid; it costs nothing.' },
    PAY: { description: 'The customer pays for the whole, once.' },
    CONFIRM: { description: 'What is kept becomes a booking.' },
    BOOK: { description: 'Booked without having been kept.' },
  },
});
const PackageStepState = builder.enumType('PackageStepState', {
  description: 'How far a step has come. LET_GO: it is not needed any more, or was taken back.',
  values: STEP_STATES,
});

const PackageStep = builder.objectRef<ShownStep>('PackageStep').implement({
  description: 'One step of a package. They are taken one after the other.',
  fields: (t) => ({
    kind: t.expose('kind', { type: PackageStepKind }),
    state: t.expose('state', { type: PackageStepState }),
    leg: t.exposeInt('leg', {
      nullable: true,
      description: 'Which of the legs as they were given, from 0; null for the payment.',
    }),
    provider: t.field({
      type: Provider,
      nullable: true,
      resolve: ({ providerSlug }, _args, ctx) =>
        providerSlug === null ? null : ctx.loaders.provider.load(providerSlug),
    }),
    description: t.string({
      nullable: true,
      args: { locale: t.arg({ type: 'Locale' }) },
      resolve: ({ descriptions }, { locale }) =>
        (descriptions.find((text) => text.locale === locale) ?? descriptions[0])?.text ?? null,
    }),
    booking: t.field({
      type: Booking,
      nullable: true,
      description: 'Null in a plan that nobody has booked.',
      resolve: ({ booking }) => booking,
    }),
    deadline: t.expose('deadline', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when it has to be done; null where the provider does not say, or not yet.',
    }),
    cost: t.field({ type: Money, resolve: ({ costMinor, currencyCode }) => money(costMinor, currencyCode) }),
    atRisk: t.field({
      type: Money,
      description: 'What would be lost if a later step failed and all that is booked by then were taken back.',
      resolve: ({ atRiskMinor, currencyCode }) => money(atRiskMinor, currencyCode),
    }),
  }),
});

export const PackagePlan = builder.objectRef<ShownPlan>('PackagePlan').implement({
  description: 'What booking a package comes to, step by step, with its worst case (BEY-12).',
  fields: (t) => ({
    steps: t.field({ type: [PackageStep], resolve: ({ steps }) => [...steps] }),
    total: t.field({ type: Money, resolve: ({ totalMinor, currencyCode }) => money(totalMinor, currencyCode) }),
    payAtProperty: t.field({
      type: Money,
      description: 'What the properties take themselves, besides the total.',
      resolve: ({ payAtPropertyMinor, currencyCode }) => money(payAtPropertyMinor, currencyCode),
    }),
    worstCase: t.field({
      type: Money,
      description:
        'The most that is lost if a leg can not be had and all that is booked by then is taken back. Nothing is taken back for more without a person’s word.',
      resolve: ({ worstCaseMinor, currencyCode }) => money(worstCaseMinor, currencyCode),
    }),
    riskUntil: t.expose('riskUntil', {
      type: 'DateTime',
      description: 'Cancellation fees are reckoned until here.',
    }),
    rollback: t.expose('rollback', { type: RollbackPolicyType }),
  }),
});

const PackageLegInput = builder.inputType('PackageLegInput', {
  description: 'A stay with its guests, or a flight with its passengers.',
  fields: (t) => ({
    offerId: t.id({ required: true }),
    guests: t.field({ type: [GuestInput], description: 'Of a stay: one for each room at least.' }),
    passengers: t.field({ type: [PassengerInput], description: 'Of a flight: as many as were asked for.' }),
    specialRequests: t.string({ description: 'Of a stay.' }),
  }),
});

export const BookPackageInput = builder.inputType('BookPackageInput', {
  fields: (t) => ({
    legs: t.field({ type: [PackageLegInput], required: true, description: '2 to 6, all in one currency.' }),
    contactEmail: t.field({ type: 'EmailAddress', required: true }),
    contactPhone: t.field({ type: 'PhoneNumber', description: 'Flights need it.' }),
    customerId: t.id({ description: 'Left out by a customer: for oneself.' }),
    maxTotal: t.field({
      type: 'Decimal',
      description:
        'The most to be paid for all legs, with what is paid on the spot; booking takes what the offers said together unless told.',
    }),
    maxRisk: t.field({
      type: 'Decimal',
      description: 'The most that may be lost: a plan with a higher worst case is refused (RISK_TOO_HIGH).',
    }),
    idempotencyKey: t.string({ description: 'Means nothing to a plan.' }),
  }),
});

builder.queryField('planPackage', (t) =>
  t.field({
    type: PackagePlan,
    description:
      'Asks the price of every leg once more and shows the steps, their deadlines and the money at risk at each; nothing is booked. [customer, partner:search]',
    args: { input: t.arg({ type: BookPackageInput, required: true }) },
    resolve: (_root, { input }, ctx) => planPackage(ctx, input),
  }),
);
