/** What a tenant may switch on and off, and what its website is told about each (TEN-6). */
import { z } from 'zod';

import { AppError, invalidInput } from '../errors.ts';

const TITLE_MAX = 100;
const title = z.string().trim().min(1).max(TITLE_MAX).optional();
/** What the website's menu says; each key adds what is its own. Nothing else may be in a config. */
const SCHEMAS = {
  store: z.strictObject({
    title,
    featuredCategories: z
      .array(z.string().regex(/^[a-z][a-z0-9-]{0,59}$/))
      .max(20)
      .optional(),
  }),
  booking: z.strictObject({ title, showRemaining: z.boolean().optional() }),
  blog: z.strictObject({ title, postsPerPage: z.int().min(1).max(100).optional() }),
  newsletter: z.strictObject({ title, topics: z.array(z.string().trim().min(1).max(TITLE_MAX)).max(20).optional() }),
  rewards: z.strictObject({ title, showPointsWorth: z.boolean().optional() }),
} as const;

export type FeatureKey = keyof typeof SCHEMAS;
export const FEATURE_KEYS = Object.keys(SCHEMAS) as readonly FeatureKey[];

export interface FeatureFlag {
  readonly key: FeatureKey;
  readonly enabled: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Of a tenant that has said nothing: what there was before there were flags stays as it was; nobody has a blog unasked. */
const DEFAULTS: Readonly<Record<FeatureKey, boolean>> = {
  store: true,
  booking: true,
  blog: false,
  newsletter: true,
  rewards: true,
};

/** Which features are on, by what the tenant has set. */
export function isEnabled(set: Readonly<Record<string, boolean>>, key: FeatureKey): boolean {
  return set[key] ?? DEFAULTS[key];
}

/** All there are, in one order, whether the tenant has set them or not. */
export function allFlags(
  rows: readonly { readonly key: string; readonly enabled: boolean; readonly config: unknown }[],
): FeatureFlag[] {
  return FEATURE_KEYS.map((key) => {
    const row = rows.find((one) => one.key === key);
    return { key, enabled: row?.enabled ?? DEFAULTS[key], config: (row?.config ?? {}) as FeatureFlag['config'] };
  });
}

/** @throws AppError INVALID_INPUT that names the keys there are */
export function checkedKey(key: string, field: readonly string[] = ['input', 'key']): FeatureKey {
  if (FEATURE_KEYS.some((known) => known === key)) return key as FeatureKey;
  throw new AppError('INVALID_INPUT', `The features are: ${FEATURE_KEYS.join(', ')}.`, {
    field,
    details: { keys: FEATURE_KEYS },
  });
}

/** @throws AppError INVALID_INPUT that names the field of the config and what is wrong with it */
export function checkedConfig(
  key: FeatureKey,
  config: unknown,
  field: readonly string[] = ['input', 'config'],
): FeatureFlag['config'] {
  const read = SCHEMAS[key].safeParse(config);
  if (read.success) return read.data;
  const { message, path } = read.error.issues[0]!;
  throw invalidInput(`The config of ${key}: ${message}`, [...field, ...path.map(String)]);
}

/** The refusal of whatever belongs to a feature that is off: its code, and by name which. */
export function featureDisabled(key: FeatureKey): AppError {
  return new AppError('FEATURE_DISABLED', `This shop does not offer this: the feature "${key}" is switched off.`, {
    details: { feature: key },
  });
}
