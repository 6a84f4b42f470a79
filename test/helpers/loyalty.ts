import { randomUUID } from 'node:crypto';

import type { As, TestApp } from './app.ts';
import { Till, uuidOf } from '../payments/till.ts';

/** The tenant's rules as its administrator sets them; what is not named is off. */
export async function setRules(world: TestApp, rules: Record<string, unknown>): Promise<void> {
  const admin: As = { token: (await world.session('tenantAdmin')).accessToken };
  const { updateLoyaltyRules } = await world.data(
    admin,
    'mutation ($input: UpdateLoyaltyRulesInput!) { updateLoyaltyRules(input: $input) { userErrors { code field message } } }',
    { input: { pointsEnabled: false, cashbackEnabled: false, pointsExpireDays: null, redemptionRate: '0', ...rules } },
  );
  if (updateLoyaltyRules.userErrors.length > 0) throw new Error(JSON.stringify(updateLoyaltyRules.userErrors));
}

/** A till for a customer of its own, so that every test begins with an empty purse. */
export async function tillOfNewCustomer(world: TestApp): Promise<Till> {
  const login = { email: `${randomUUID()}@loyal.example`, password: 'a-long-password' };
  const { register } = await world.data(
    { key: world.facts.portalKey },
    'mutation ($input: RegisterInput!) { register(input: $input) { session { accessToken user { id } } userErrors { code } } }',
    { input: login },
  );
  const { accessToken, user } = register.session;
  return new Till(world, { token: (await world.session('operator')).accessToken }, { token: accessToken }, user.id);
}

/** What a customer has, in minor units and points, straight from the ledger. */
export interface Purse {
  readonly wallet: number;
  readonly walletOwed: number;
  readonly points: number;
  readonly pointsOwed: number;
  readonly pending: number;
  readonly credited: number;
}

export async function purseOf(till: Till): Promise<Purse> {
  const rows = await till.world.owner<{ kind: string; balance: string }>(
    "select kind::text, abs(balance_minor)::text as balance from ledger_accounts where holder_id = $1 and currency_code in ('EGP', 'PTS')",
    [uuidOf(till.customerId)],
  );
  const of = (kind: string) => Number(rows.find((row) => row.kind === kind)?.balance ?? 0);
  return {
    wallet: of('WALLET'),
    walletOwed: of('WALLET_OWED'),
    points: of('POINTS'),
    pointsOwed: of('POINTS_OWED'),
    pending: of('CASHBACK_PENDING'),
    credited: of('CASHBACK_CREDITED'),
  };
}

/** An order of the customer's, paid at the gateway. Its price is without 14 % tax. @returns global ids of the payment, inner id of the order */
export async function buy(till: Till, price = '100.00'): Promise<{ orderUuid: string; paymentId: string }> {
  const sale = await till.sale(price);
  await till.atGateway(sale, 'pay');
  const { verdict } = await till.webhook(sale, 'paid');
  if (verdict !== 'ACCEPTED') throw new Error(`Not paid: ${verdict}`);
  return sale;
}

/** A refund into the wallet: settled at once, without asking the gateway. */
export async function giveBack(till: Till, paymentId: string, amount?: string): Promise<string[]> {
  const { refundPayment } = await till.world.data(
    till.operator,
    'mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { userErrors { code } } }',
    { input: { paymentId, reason: 'a scratch', to: 'WALLET', ...(amount && { amount }) } },
  );
  return refundPayment.userErrors.map(({ code }: { code: string }) => code);
}

export interface Redeemed {
  readonly points: { readonly balance: number } | null;
  readonly userErrors: { code: string; field: string[] | null; details: any }[];
}

export async function redeem(till: Till, points: number, more: Record<string, unknown> = {}): Promise<Redeemed> {
  const { redeemPoints } = await till.world.data(
    till.customer,
    'mutation ($input: RedeemPointsInput!) { redeemPoints(input: $input) { points { balance } userErrors { code field details } } }',
    { input: { points, ...more } },
  );
  return redeemPoints;
}
