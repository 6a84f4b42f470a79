import { formatAmount } from '../domain/money.ts';
import { builder } from './builder.ts';

export interface MoneyShape {
  readonly minor: bigint;
  readonly currencyCode: string;
}

export const Money = builder.objectRef<MoneyShape>('Money').implement({
  description: 'An exact amount of one currency.',
  fields: (t) => ({
    amount: t.field({
      type: 'Decimal',
      description: "Major units with the currency's own number of decimals.",
      resolve: ({ minor, currencyCode }) => formatAmount(minor, currencyCode),
    }),
    currencyCode: t.expose('currencyCode', { type: 'CurrencyCode', description: 'ISO 4217.' }),
    minorUnits: t.string({
      description: 'The same amount in minor units, an integer.',
      resolve: ({ minor }) => minor.toString(),
    }),
  }),
});

export function money(minor: bigint, currencyCode: string): MoneyShape {
  return { minor, currencyCode };
}
