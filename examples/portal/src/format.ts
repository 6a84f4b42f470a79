/** Money, days and times as the shop's customers read them: in its language, its currency and its time zone, wherever the browser is. */
export interface Place {
  readonly locale: string;
  readonly timeZone: string;
}

export interface Formats {
  price(money: { readonly amount: string; readonly currencyCode: string }): string;
  /** 09:00 */
  time(instant: string | Date): string;
  /** Tuesday, 24 November */
  day(instant: string | Date): string;
  /** 2026-11-24, in the shop's zone: what the graph calls a Date. */
  date(instant: string | Date): string;
  /** Johannesburg time (GMT+2) */
  zone(instant: string | Date): string;
  /** The instant at which a clock in the shop shows this. Null for what no clock shows. */
  instant(date: string, time: string): Date | null;
}

export function formatsOf({ locale, timeZone }: Place): Formats {
  const intl = (options: Intl.DateTimeFormatOptions, language = locale) => {
    const format = new Intl.DateTimeFormat(language, { timeZone, ...options });
    return (instant: string | Date) => format.format(new Date(instant));
  };
  const time = intl({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  // Swedish writes dates as ISO does.
  const date = intl({ year: 'numeric', month: '2-digit', day: '2-digit' }, 'sv-SE');
  return {
    // The amount goes in as the text it is: a float could not hold every one.
    price: ({ amount, currencyCode }) =>
      new Intl.NumberFormat(locale, { style: 'currency', currency: currencyCode }).format(
        amount as Intl.StringNumericLiteral,
      ),
    time,
    day: intl({ weekday: 'long', day: 'numeric', month: 'long' }),
    date,
    zone: (instant) => `${timeZone.split('/').at(-1)!.replaceAll('_', ' ')} time (${offsetOf(timeZone, instant)})`,
    instant: (day, clock) => {
      const wall = Date.parse(`${day}T${clock}Z`);
      if (Number.isNaN(wall)) return null;
      // Two guesses do: the second has the offset of the right side of a change of clocks.
      let guess = wall;
      for (let turn = 0; turn < 2; turn += 1) guess = wall - offsetMs(new Date(guess));
      return new Date(guess);
    },
  };

  function offsetMs(instant: Date): number {
    const shown = intl({ dateStyle: 'short', timeStyle: 'medium' }, 'sv-SE')(instant);
    return Date.parse(`${shown.replace(' ', 'T')}Z`) - Math.floor(instant.getTime() / 1000) * 1000;
  }
}

function offsetOf(timeZone: string, instant: string | Date): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'shortOffset' }).formatToParts(
    new Date(instant),
  );
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? timeZone;
}

/** A Date some days later. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
