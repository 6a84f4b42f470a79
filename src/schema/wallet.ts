import { adjustWallet } from '../resolvers/wallet.ts';
import { redeemPoints } from '../resolvers/points.ts';
import {
  accountState,
  holdingOf,
  pointsExpiringSoon,
  pointsOf,
  rewardsOf,
  statementOf,
  type Holding,
} from '../resolvers/statement.ts';
import { builder } from './builder.ts';
import { connectionArgs } from './connection.ts';
import { Money, money } from './money.ts';
import { payloadType, runVerb } from './mutation.ts';
import { LedgerEntryConnection } from './statement.ts';
import { User } from './user.ts';

const Wallet = builder.objectRef<Holding>('Wallet').implement({
  description: 'Money of one currency that a customer can spend with this tenant (LOY-2).',
  fields: (t) => ({
    balance: t.field({
      type: Money,
      resolve: async (wallet, _args, ctx) => {
        const { balanceMinor, currencyCode } = await accountState(ctx, wallet, 'WALLET');
        return money(balanceMinor, currencyCode);
      },
    }),
    held: t.field({
      type: Money,
      description: 'Of the balance: set aside for payments and refunds that are under way.',
      resolve: async (wallet, _args, ctx) => {
        const { heldMinor, currencyCode } = await accountState(ctx, wallet, 'WALLET');
        return money(heldMinor, currencyCode);
      },
    }),
    available: t.field({
      type: Money,
      description: 'Of the balance: what can be spent now.',
      resolve: async (wallet, _args, ctx) => {
        const { balanceMinor, heldMinor, currencyCode } = await accountState(ctx, wallet, 'WALLET');
        return money(balanceMinor - heldMinor, currencyCode);
      },
    }),
    transactions: t.field({
      type: LedgerEntryConnection,
      description: 'Newest first.',
      args: connectionArgs(t.arg),
      resolve: (wallet, args, ctx) => statementOf(ctx, wallet, 'WALLET', args),
    }),
  }),
});

const PointsAccount = builder.objectRef<Holding>('PointsAccount').implement({
  description: 'Points a customer earned by buying, to be redeemed into the wallet (LOY-3).',
  fields: (t) => ({
    balance: t.int({
      resolve: async (points, _args, ctx) => Number((await accountState(ctx, points, 'POINTS')).balanceMinor),
    }),
    expiringSoon: t.int({
      description: 'Of the balance: what runs out within thirty days.',
      resolve: (points, _args, ctx) => pointsExpiringSoon(ctx, points),
    }),
    transactions: t.field({
      type: LedgerEntryConnection,
      description: 'Newest first.',
      args: connectionArgs(t.arg),
      resolve: (points, args, ctx) => statementOf(ctx, points, 'POINTS', args),
    }),
  }),
});

const CashbackPart = builder.enumType('CashbackPart', {
  description: 'PENDING: earned, and not to be spent before the return period is over. CREDITED: came into the wallet.',
  values: ['PENDING', 'CREDITED'] as const,
});

const CashbackAccount = builder.objectRef<Holding>('CashbackAccount').implement({
  description: 'What comes back of purchases in one currency (LOY-3).',
  fields: (t) => ({
    available: t.field({
      type: Money,
      description: 'What came into the wallet so far, less what refunds took back.',
      resolve: async (cashback, _args, ctx) => {
        const { balanceMinor, currencyCode } = await accountState(ctx, cashback, 'CASHBACK_CREDITED');
        return money(balanceMinor, currencyCode);
      },
    }),
    pending: t.field({
      type: Money,
      description: 'Waits for the end of the return period.',
      resolve: async (cashback, _args, ctx) => {
        const { balanceMinor, currencyCode } = await accountState(ctx, cashback, 'CASHBACK_PENDING');
        return money(balanceMinor, currencyCode);
      },
    }),
    total: t.field({
      type: Money,
      description: 'Both.',
      resolve: async (cashback, _args, ctx) => {
        const [credited, pending] = await Promise.all([
          accountState(ctx, cashback, 'CASHBACK_CREDITED'),
          accountState(ctx, cashback, 'CASHBACK_PENDING'),
        ]);
        return money(credited.balanceMinor + pending.balanceMinor, pending.currencyCode);
      },
    }),
    transactions: t.field({
      type: LedgerEntryConnection,
      description: 'Newest first, of one part: what was earned, and became wallet money, or was taken back meanwhile.',
      args: { of: t.arg({ type: CashbackPart, defaultValue: 'PENDING' }), ...connectionArgs(t.arg) },
      resolve: (cashback, { of, ...args }, ctx) =>
        statementOf(ctx, cashback, of === 'CREDITED' ? 'CASHBACK_CREDITED' : 'CASHBACK_PENDING', args),
    }),
  }),
});

builder.objectFields(User, (t) => ({
  wallet: t.field({
    type: Wallet,
    args: { currencyCode: t.arg({ type: 'CurrencyCode', description: "The tenant's own unless told." }) },
    resolve: (user, { currencyCode }, ctx) => holdingOf(ctx, user, currencyCode ?? null),
  }),
  points: t.field({ type: PointsAccount, resolve: (user, _args, ctx) => pointsOf(ctx, user) }),
  cashback: t.field({
    type: CashbackAccount,
    args: { currencyCode: t.arg({ type: 'CurrencyCode', description: "The tenant's own unless told." }) },
    resolve: (user, { currencyCode }, ctx) => rewardsOf(ctx, user, currencyCode ?? null),
  }),
}));

const PointsPayload = payloadType('PointsPayload', 'points', PointsAccount);
const WalletPayload = payloadType('WalletPayload', 'wallet', Wallet);

const RedeemPointsInput = builder.inputType('RedeemPointsInput', {
  fields: (t) => ({
    points: t.int({ required: true }),
    customerId: t.id({ description: 'Left out by a customer: for oneself.' }),
    idempotencyKey: t.string(),
  }),
});
const AdjustWalletInput = builder.inputType('AdjustWalletInput', {
  fields: (t) => ({
    customerId: t.id({ required: true }),
    amount: t.field({ type: 'Decimal', required: true, description: 'Positive gives, negative takes.' }),
    currencyCode: t.field({ type: 'CurrencyCode', description: "The tenant's own when left out." }),
    reason: t.string({ required: true, description: 'Kept in the audit log.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  redeemPoints: t.field({
    type: PointsPayload,
    description: "Turns points into wallet money at the tenant's rate, for oneself or, as an operator, for a customer.",
    args: { input: t.arg({ type: RedeemPointsInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => redeemPoints(ctx, input),
        async (id) => pointsOf(ctx, { id }),
      ),
  }),
  adjustWallet: t.field({
    type: WalletPayload,
    description: 'Puts money into a wallet or takes it out, with a reason. [tenantAdmin]',
    args: { input: t.arg({ type: AdjustWalletInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => adjustWallet(ctx, input),
        async (id) => holdingOf(ctx, { id }, input.currencyCode ?? null),
      ),
  }),
}));
