import { majorUnits } from '../simulator/account-clock.ts';
import type { Account, Ledger, Payment } from './simulator-model.ts';

/** The account statement as CSV, money in and money back in the order it moved (payment-gateways.md 2.2). */

const HEADER = (
  'Date,Type,Sign,Party,Name,Description,Currency,Funding Type,Gross,Fee,Net,Balance,M Payment ID,PF Payment ID,' +
  'custom str1,custom int1,custom str2,custom int2,custom str3,custom str4,custom str5,custom int3,custom int4,custom int5'
).split(',');

interface Movement {
  readonly at: string;
  readonly on: string | null;
  readonly payment: Payment;
  readonly type: string;
  readonly grossCents: number;
  readonly feeCents: number;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** @returns null where the query is no period. */
export function statement(ledger: Ledger, accountId: string, account: Account, query: URLSearchParams): string | null {
  const { from: first = '', to: last = '' } = Object.fromEntries(query);
  const number = (name: string, fallback: number): number => {
    const value = query.get(name);
    return value !== null && /^\d{1,7}$/.test(value) ? Number(value) : fallback;
  };
  if (!DAY.test(first) || !DAY.test(last)) return null;
  const offset = number('offset', 0);
  const limit = Math.min(number('limit', account.statementRowsMax), account.statementRowsMax);
  let balance = 0;
  const rows = ledger
    .payments(accountId)
    .flatMap(movementsOf)
    .toSorted((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : one.payment.id - other.payment.id))
    .map((movement) => {
      balance += movement.grossCents - movement.feeCents;
      return { days: [movement.at.slice(0, 10), movement.on ?? ''], line: lineOf(movement, balance) };
    })
    .filter(({ days }) => days.some((day) => day >= first && day <= last));
  const shown = rows.slice(offset, offset + limit).map(({ line }) => line);
  return [HEADER, ...shown].map((line) => `${line.map(quote).join(',')}\n`).join('');
}

function movementsOf(payment: Payment): Movement[] {
  const { paidAt, grossCents, feeCents } = payment;
  if (paidAt === null || grossCents === null) return [];
  return [
    { at: paidAt, on: payment.paidOn, payment, type: 'FUNDS_RECEIVED', grossCents, feeCents: feeCents ?? 0 },
    ...payment.refunds.map((refund) => ({
      at: refund.at,
      on: refund.on,
      payment,
      type: 'FUNDS_RECEIVED_REFUND',
      grossCents: -refund.cents,
      feeCents: 0,
    })),
  ];
}

function lineOf({ at, payment, type, grossCents, feeCents }: Movement, balance: number): string[] {
  const [one, two, three, four, five] = payment.strings;
  const [first, second, third, fourth, fifth] = payment.integers;
  const custom = [one, first, two, second, three, four, five, third, fourth, fifth].map((value) => value ?? '');
  const who = `${payment.nameFirst} ${payment.nameLast}`;
  const what = [payment.itemName, payment.itemDescription, payment.currency, 'CC'];
  const money = [majorUnits(grossCents), majorUnits(-feeCents), majorUnits(grossCents - feeCents), grouped(balance)];
  const ids = [payment.merchantPaymentId, String(payment.id)];
  return [at, type, grossCents < 0 ? 'DEBIT' : 'CREDIT', who, ...what, ...money, ...ids, ...custom];
}

/** `22,574.02` */
function grouped(cents: number): string {
  return majorUnits(cents).replace(/\B(?=(\d{3})+\.)/g, ',');
}

function quote(value: string): string {
  return /[",\r\n ]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
