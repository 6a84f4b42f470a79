import { expect, test } from 'vitest';

import { travelCrash, type TravelCrash } from '../travel/crash/crash.ts';

const BOOKINGS = Number(process.env['BOOKINGS'] ?? 5_000);
const PER_SEED = 1_000;
const FIRST_SEED = Number(process.env['SOAK_SEED'] ?? 1);

test(
  `${BOOKINGS} bookings with faults before and after their effect and processes killed at random: the vendors' books and ours agree`,
  { timeout: 4 * 3_600_000 },
  async () => {
    const results: TravelCrash[] = [];
    const all = <T>(of: (result: TravelCrash) => readonly T[]) => results.flatMap(of);
    const made = () => results.reduce((sum, { bookings }) => sum + bookings, 0);
    for (let seed = FIRST_SEED; made() < BOOKINGS; seed += 1) {
      const result = await travelCrash(seed, Math.min(PER_SEED, BOOKINGS - made()));
      console.log(JSON.stringify(result, null, 1));
      results.push(result);
    }
    const differences = all((result) => result.differences);
    console.log(
      JSON.stringify({
        proof: 'bookings',
        seeds: results.map(({ seed }) => seed),
        bookings: made(),
        kills: {
          process: results.reduce((sum, { kills }) => sum + kills.process, 0),
          backend: results.reduce((sum, { kills }) => sum + kills.backend, 0),
        },
        lapsing: all((result) => result.lapsing).length,
        withPerson: all((result) => result.withPerson).length,
        differences,
      }),
    );
    expect(differences).toEqual([]);
  },
);
