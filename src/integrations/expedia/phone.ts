/** Numbers as Rapid takes them: digits only, country and number apart, 25 characters in total. */
export interface Phone {
  readonly country_code: string;
  readonly number: string;
}

const DIGITS = /^\+(\d{7,15})$/;

/**
 * Country codes are one, two or three digits long, and the first two digits say which (ITU-T E.164, list of assigned
 * codes): 1 and 7 stand alone, these are pairs, all others have three.
 */
const PAIRS = new Set(
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'.split(
    ' ',
  ),
);

/** @param e164 such as +12065550100; null for anything else */
export function phoneOf(e164: string | null): Phone | null {
  const digits = DIGITS.exec((e164 ?? '').replace(/[\s().-]/g, ''))?.[1];
  if (digits === undefined || digits.startsWith('0')) return null;
  const length = /^[17]/.test(digits) ? 1 : PAIRS.has(digits.slice(0, 2)) ? 2 : 3;
  return { country_code: digits.slice(0, length), number: digits.slice(length) };
}
