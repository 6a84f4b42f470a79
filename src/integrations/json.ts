import type { z } from 'zod';

/**
 * A vendor's JSON of a given shape, or null where the text is none: the caller decides what an unreadable answer means.
 * @param numbers `written` hands numbers on as the text they were written with: an id of 18 digits is no number to
 * JavaScript, and money is no float
 */
export function readAnswer<T>(shape: z.ZodType<T>, body: string, numbers: 'parsed' | 'written' = 'parsed'): T | null {
  let value: unknown;
  try {
    value = numbers === 'parsed' ? JSON.parse(body) : JSON.parse(body, asWritten);
  } catch {
    return null;
  }
  const parsed = shape.safeParse(value);
  return parsed.success ? parsed.data : null;
}

function asWritten(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
}
