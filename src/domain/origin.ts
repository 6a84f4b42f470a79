import { invalidInput } from '../errors.ts';

/** Browsers send an origin and nothing behind it: one with a path would never match. @throws AppError INVALID_INPUT */
export function readOrigin(text: string, field: readonly string[]): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search ||
    url.hash ||
    url.username ||
    url.password
  )
    throw invalidInput('An origin is a scheme, a host and a port, such as https://shop.example.com', field);
  return url.origin;
}
