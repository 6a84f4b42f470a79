import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import type { Account, Ledger } from './simulator-model.ts';

/** The forms the simulated vendor's answers have (travel-providers.md 3.5), and its money. */

export function badRequest(error: string): SimulatorAnswer {
  return json(400, { status: 'Bad Request', error });
}

/** Booking calls refuse with 200, too. */
export function bookingError(msg: string): SimulatorAnswer {
  return json(200, { status: 'error', status_code: 400, msg });
}

/** Which key the sentence stands under is not documented. */
export function expiredToken(account: Account): SimulatorAnswer {
  const said = { [account.expiredKey]: 'expired booking token' };
  return json(400, { status: 'Bad Request', ...said });
}

/** Units of a currency for one euro; the currencies the simulated vendor sells in, with their decimals. */
const CURRENCIES: Readonly<Record<string, readonly [rate: number, decimals: number]>> = {
  EUR: [1, 2],
  USD: [1.09, 2],
  GBP: [0.85, 2],
  CHF: [0.95, 2],
  CZK: [24.9, 2],
  PLN: [4.28, 2],
  DKK: [7.46, 2],
  EGP: [52.4, 2],
  AED: [4.003, 2],
  SAR: [4.09, 2],
  QAR: [3.97, 2],
  JOD: [0.773, 3],
  KWD: [0.334, 3],
  BHD: [0.411, 3],
  INR: [91.2, 2],
  ZAR: [19.8, 2],
  JPY: [163.4, 0],
  AUD: [1.65, 2],
  BRL: [5.9, 2],
  TRY: [37.1, 2],
};

export function isSold(currency: string): boolean {
  return Object.hasOwn(CURRENCIES, currency);
}

/** Of one unit of the currency in euro. */
export function reverseRate(currency: string): number {
  return currency === 'EUR' ? 1 : Number((1 / (CURRENCIES[currency]?.[0] ?? 1)).toFixed(6));
}

/** As the vendor writes it: a number in major units. */
export function inCurrency(cents: number, currency: string): number {
  const [rate, decimals] = CURRENCIES[currency] ?? [1, 2];
  return Math.round((cents / 100) * rate * 10 ** decimals) / 10 ** decimals;
}

export function euro(cents: number): number {
  return cents / 100;
}

/** Every account has a million numbers of its own, so that a booking's number says whose it is. */
export function bookingNumber(ledger: Ledger, account: string): number {
  const own = 100_000 + (Number.parseInt(ledger.derive(account, 'numbers').slice(0, 8), 16) % 900_000);
  return own * 1_000_000 + ledger.next(account, 'bookings');
}

/** A version-4 UUID's form, by the seed. */
export function uuidOf(ledger: Ledger, account: string, name: string): string {
  const hex = ledger.derive(account, name);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
