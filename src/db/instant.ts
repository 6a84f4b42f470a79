import pg from 'pg';

const readAny = pg.types.getTypeParser(1184, 'text') as (text: string) => Date;

/** Length of `2026-11-01 10:15:30+00`, and where its parts are; a fraction of a second comes before the zone. */
const SHORTEST = 22;
const BLANK = 32;
const DASH = 45;
const DOT = 46;
const ZERO = 48;

/**
 * An instant as our connections give it, which speak UTC: read digit by digit, several times as fast as by the driver's pattern. Microseconds
 * are cut off, as JavaScript's dates have none.
 */
export function readInstant(text: string): Date {
  const usual =
    text.length >= SHORTEST &&
    text.endsWith('+00') &&
    text.charCodeAt(4) === DASH &&
    text.charCodeAt(10) === BLANK &&
    text.charCodeAt(0) !== ZERO;
  if (!usual) return readAny(text);
  const pair = (at: number): number => (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
  const milliseconds = text.charCodeAt(19) === DOT ? fraction(text) : 0;
  return new Date(Date.UTC(pair(0) * 100 + pair(2), pair(5) - 1, pair(8), pair(11), pair(14), pair(17), milliseconds));
}

function fraction(text: string): number {
  const end = Math.min(text.length - 3, 23);
  let value = 0;
  for (let at = 20; at < 23; at++) value = value * 10 + (at < end ? text.charCodeAt(at) - ZERO : 0);
  return value;
}
