import { createHash } from 'node:crypto';

/**
 * The signature of a search as the vendor computes it, written from travel-providers.md 4.3: walk the body, at every
 * object take the keys one after the other in alphabetical order, write down what is no object, put the token in front.
 */
export function searchSignature(token: string, body: Readonly<Record<string, unknown>>): string {
  const written: string[] = [token];
  const walk = (value: unknown, isTop: boolean): void => {
    if (value === null || value === undefined) return;
    if (typeof value !== 'object') {
      written.push(`${value as string | number | boolean}`);
      return;
    }
    if (Array.isArray(value)) {
      for (const one of value as unknown[]) walk(one, false);
      return;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    const names = Object.keys(fields);
    names.sort();
    for (const name of names) {
      if (!(isTop && name === 'signature')) walk(fields[name], false);
    }
  };
  walk(body, true);
  const hash = createHash('md5');
  hash.update(Buffer.from(written.join(':'), 'utf8'));
  return hash.digest('hex');
}
