import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { FreeTime } from '../domain/availability.ts';
import { alternatives, offered, type Asking } from '../domain/diary.ts';
import { countDays } from '../domain/local-day.ts';
import { whyNot as refusalOf, type TimeRule } from '../domain/why-not.ts';
import { invalidInput, notFound } from '../errors.ts';
import { requireFeature } from '../features.ts';
import { decodeGlobalId } from '../global-id.ts';
import { bookerOf, readDiary } from './diary-read.ts';

/** Two months, with the days at their ends. */
const DAYS_MAX = 62;
const TIMES_MAX = 3_000;

export function askingOf(ctx: Pick<Context, 'actor' | 'app'>): Asking {
  return { booker: bookerOf(ctx.actor), nowMs: ctx.app.clock.now().getTime() };
}

/** The free times of some days, for customers within notice and horizon (TEN-8). @throws INVALID_INPUT, NOT_FOUND */
export async function timeSlots(
  ctx: Context,
  { productId, from, to }: { productId?: string | null; from: string; to: string },
): Promise<FreeTime[]> {
  authorize(ctx, 'diary.read');
  await requireFeature(ctx, 'booking');
  const days = countDays(from, to);
  if (days < 1 || days > DAYS_MAX) throw invalidInput(`Ask for 1 to ${DAYS_MAX} days.`, ['to']);
  const asking = askingOf(ctx);
  const field = ['productId'];
  const id = productId ? innerId(productId, field) : null;
  const diary = await readDiary(ctx.reads, asking, { productId: id, window: { from, to }, field });
  const times = offered(diary, asking, from, to);
  if (times.length > TIMES_MAX) throw invalidInput('There are too many times; ask for fewer days.', ['to']);
  return times;
}

// Of another type or of nobody: there is no such product.
function innerId(globalId: string, field: readonly string[]): string {
  const decoded = decodeGlobalId(globalId);
  if (decoded?.typeName !== 'Product') throw notFound('product', field);
  return decoded.id;
}

export interface TimeExplanation {
  readonly available: boolean;
  readonly rule: TimeRule | null;
  readonly detail: string;
  readonly alternatives: readonly FreeTime[];
}

/** The rule that makes a time unavailable, and what is free instead (BEY-6). @throws NOT_FOUND, INVALID_INPUT */
export async function whyNot(
  ctx: Context,
  { productId, start }: { productId: string; start: Date },
): Promise<TimeExplanation> {
  authorize(ctx, 'diary.read');
  await requireFeature(ctx, 'booking');
  const asking = askingOf(ctx);
  const field = ['productId'];
  const startMs = start.getTime();
  const diary = await readDiary(ctx.reads, asking, {
    productId: innerId(productId, field),
    window: { startMs },
    field,
  });
  const refusal = refusalOf(diary, asking, startMs);
  return {
    available: refusal === null,
    rule: refusal?.rule ?? null,
    detail: refusal?.detail ?? 'This time is free.',
    alternatives: refusal === null ? [] : alternatives(diary, asking, startMs),
  };
}
