/** Wall-clock times and instants, as the vendor writes them and as we do. */

/** An ISO time of the vendor's. `local` is the airport's wall clock, null where it is written in UTC. */
export interface WrittenTime {
  readonly at: Date;
  readonly local: string | null;
}

const WRITTEN = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/** Null for anything but an ISO time with its offset. */
export function readTime(text: string): WrittenTime | null {
  const match = WRITTEN.exec(text);
  const at = match === null ? Number.NaN : Date.parse(text);
  if (match === null || Number.isNaN(at) || !isDay(text.slice(0, 10))) return null;
  return { at: new Date(at), local: match[2] === 'Z' ? null : (match[1] ?? null) };
}

/** `YYYY-MM-DD` and in the calendar. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

/** From one calendar date to another; negative backwards. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}

/** `YYYY-MM-DDTHH:MM` on the clocks of a zone. Null where the zone is not known. */
export function localTime(at: Date, zone: string | undefined): string | null {
  if (zone === undefined) return null;
  try {
    // Swedish is written as ISO is.
    const format = { timeZone: zone, dateStyle: 'short', timeStyle: 'short' } as const;
    return new Intl.DateTimeFormat('sv-SE', format).format(at).replace(' ', 'T');
  } catch {
    return null;
  }
}

/** The instant so many minutes later. Null where it can't be told. */
export function minutesLater(at: Date, minutes: string): Date | null {
  return /^[1-9]\d{0,4}$/.test(minutes) ? new Date(at.getTime() + Number(minutes) * 60_000) : null;
}
