import type { Transaction } from '../db.ts';
import { requireTopUp, rulesFor } from '../domain/loyalty.ts';
import { parseAmount } from '../domain/money.ts';
import { invalidInput } from '../errors.ts';
import { readRules } from './loyalty-rules.ts';
import type { CreateOrderInput } from './order.ts';
import type { OrderItemInput } from './order-items.ts';

/** What stands on the order where its maker says nothing. */
const DESCRIPTION = [
  { locale: 'en', text: 'Wallet top-up' },
  { locale: 'ar', text: 'شحن المحفظة' },
  { locale: 'zh', text: '錢包儲值' },
];

/** Codes to pay with at a counter are good for days; a top-up nobody pays ends by itself. */
const OPEN_MS = 7 * 86_400_000;

export interface TopUp {
  readonly currencyCode: string;
  readonly items: readonly OrderItemInput[];
}

/**
 * A top-up of a wallet (LOY-2): one line without tax, of an amount that its customer chooses within the tenant's limits.
 * @throws FEATURE_DISABLED, INVALID_INPUT
 */
export async function topUpOf(tx: Transaction, input: CreateOrderInput): Promise<TopUp> {
  const rules = rulesFor('topUp', await readRules(tx));
  const [item, ...others] = input.items;
  const at = (name: string) => ['input', 'items', '0', name];
  if (!item || others.length > 0) throw invalidInput('A top-up has one item.', ['input', 'items']);
  if (item.productId) throw invalidInput('A top-up is money, not a product.', at('productId'));
  if (item.quantity !== 1) throw invalidInput('A top-up is one.', at('quantity'));
  if (item.taxRate !== null && item.taxRate !== undefined)
    throw invalidInput('A top-up is no sale and has no tax.', at('taxRate'));
  if (item.unitPrice === null || item.unitPrice === undefined)
    throw invalidInput('Say how much is topped up.', at('unitPrice'));
  const { currencyCode } = rules;
  if (input.currencyCode && input.currencyCode !== currencyCode)
    throw invalidInput(`Wallets are topped up in ${currencyCode}.`, ['input', 'currencyCode']);
  requireTopUp(parseAmount(item.unitPrice, currencyCode, at('unitPrice')), rules, at('unitPrice'));
  return {
    currencyCode,
    items: [{ ...item, description: item.description?.length ? item.description : DESCRIPTION }],
  };
}

/** When a top-up that was made now ends unpaid. */
export function topUpExpiry(now: Date): Date {
  return new Date(now.getTime() + OPEN_MS);
}
