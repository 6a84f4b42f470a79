import { faultOfBaseUrl } from '../domain/base-url.ts';
import type { Mode } from '../domain/provider-switch.ts';
import { invalidInput } from '../errors.ts';
import type { ProviderDescription } from '../integrations/travel.ts';
import type { ProviderRow } from '../provider-reads.ts';

type Given<T> = T | null | undefined;

/** What can be said of a provider. What is left out stays; null in a list or of an address gives back the integration's own. */
export interface ProviderFields {
  readonly name?: Given<string>;
  readonly environmentMode?: Given<Mode>;
  readonly baseUrls?: Given<{ readonly sandbox?: Given<string>; readonly production?: Given<string> }>;
  readonly settings?: Given<readonly { readonly name: string; readonly value?: Given<string> }[]>;
  readonly cachePolicy?: Given<readonly { readonly operation: string; readonly seconds?: Given<number> }[]>;
  readonly callsPerMinute?: Given<number>;
  readonly concurrentMax?: Given<number>;
  readonly checkEverySeconds?: Given<number>;
}

/** The part of a row that these fields change. */
export type ProviderSettings = Pick<
  ProviderRow,
  'name' | 'mode' | 'baseUrls' | 'settings' | 'cacheSeconds' | 'callsPerMinute' | 'concurrentMax' | 'checkEverySeconds'
>;

export interface CacheRule {
  readonly operation: string;
  readonly seconds: number;
}

export interface ProviderSetting {
  readonly name: string;
  readonly value: string;
  readonly default: string;
  readonly description: string;
}

/** Whatever says what there is to sell and at what price must come from the provider each time (PRV-14). */
const NEVER_KEPT: ReadonlySet<string> = new Set(['check', 'book', 'confirm', 'lookUp', 'cancel', 'probe']);
const NAME_CHARACTERS_MAX = 100;
const SETTING_CHARACTERS_MAX = 500;
const CACHE_SECONDS_MAX = 30 * 86_400;
const RANGES = {
  callsPerMinute: [1, 1_000_000],
  concurrentMax: [1, 10_000],
  checkEverySeconds: [10, 86_400],
} as const;
const CONCURRENT_MAX = 32;
const CHECK_EVERY_SECONDS = 300;

/** As the integration describes itself. */
export function initialSettings(description: ProviderDescription): ProviderSettings {
  return {
    name: description.name,
    mode: 'SANDBOX',
    baseUrls: {},
    settings: {},
    cacheSeconds: {},
    callsPerMinute: description.callsPerMinute,
    concurrentMax: CONCURRENT_MAX,
    checkEverySeconds: CHECK_EVERY_SECONDS,
  };
}

/** @throws INVALID_INPUT with the path of the field at fault */
export function mergeSettings(
  description: ProviderDescription,
  before: ProviderSettings,
  fields: ProviderFields,
  production: boolean,
): ProviderSettings {
  const name = fields.name ?? before.name;
  if (name.trim() === '' || name.length > NAME_CHARACTERS_MAX)
    throw invalidInput(`A name has from 1 to ${NAME_CHARACTERS_MAX} characters.`, ['input', 'name']);
  return {
    name,
    mode: fields.environmentMode ?? before.mode,
    baseUrls: mergeBaseUrls(before.baseUrls, fields, production),
    settings: mergeNamed(before.settings, settingsGiven(description, fields)),
    cacheSeconds: mergeNamed(before.cacheSeconds, cacheRulesGiven(description, fields)),
    callsPerMinute: inRange('callsPerMinute', fields.callsPerMinute) ?? before.callsPerMinute,
    concurrentMax: inRange('concurrentMax', fields.concurrentMax) ?? before.concurrentMax,
    checkEverySeconds: inRange('checkEverySeconds', fields.checkEverySeconds) ?? before.checkEverySeconds,
  };
}

/** What is kept of its answers and how long: the integration's own rules, with what was said otherwise. */
export function cacheRulesOf(description: ProviderDescription | undefined, row: ProviderRow): CacheRule[] {
  const seconds = { ...description?.cacheSeconds, ...row.cacheSeconds };
  return Object.entries(seconds).map(([operation, each]) => ({ operation, seconds: each }));
}

export function settingsOf(description: ProviderDescription | undefined, row: ProviderRow): ProviderSetting[] {
  return (description?.settings ?? []).map((setting) => ({
    ...setting,
    value: row.settings[setting.name] ?? setting.default,
  }));
}

/** Where it is called: at its row's address, at the simulators where they stand for all vendors, at the vendor's own. */
export function baseUrlsOf(
  description: ProviderDescription | undefined,
  row: ProviderRow,
  simulatorsUrl: string | null,
): Readonly<Record<Mode, string | null>> {
  const simulated = description && simulatorsUrl !== null ? `${simulatorsUrl}${description.simulatorPath}` : null;
  const of = (mode: Mode) => row.baseUrls[mode] ?? simulated ?? description?.baseUrls[mode] ?? null;
  return { SANDBOX: of('SANDBOX'), PRODUCTION: of('PRODUCTION') };
}

const MODES = [
  ['sandbox', 'SANDBOX'],
  ['production', 'PRODUCTION'],
] as const;

function mergeBaseUrls(
  before: ProviderSettings['baseUrls'],
  { baseUrls }: ProviderFields,
  production: boolean,
): ProviderSettings['baseUrls'] {
  const given = MODES.flatMap(([field, mode]) => {
    const url = baseUrls?.[field];
    if (url === undefined) return [];
    const fault = url === null ? null : faultOfBaseUrl(url, production);
    if (fault !== null) throw invalidInput(fault, ['input', 'baseUrls', field]);
    return [[mode, url] as const];
  });
  return mergeNamed(before, given);
}

function settingsGiven(description: ProviderDescription, { settings }: ProviderFields): [string, string | null][] {
  const names = description.settings.map(({ name }) => name);
  return (settings ?? []).map(({ name, value = null }) => {
    if (!names.includes(name))
      throw invalidInput(`The settings of ${description.name} are: ${names.join(', ') || 'none'}.`, [
        'input',
        'settings',
      ]);
    if (value !== null && value.length > SETTING_CHARACTERS_MAX)
      throw invalidInput(`A setting has ${SETTING_CHARACTERS_MAX} characters at most.`, ['input', 'settings']);
    return [name, value];
  });
}

function cacheRulesGiven(description: ProviderDescription, { cachePolicy }: ProviderFields): [string, number | null][] {
  const names = Object.keys(description.cacheSeconds).filter((name) => !NEVER_KEPT.has(name));
  return (cachePolicy ?? []).map(({ operation, seconds = null }) => {
    if (!names.includes(operation))
      throw invalidInput(`Of ${description.name} these may be kept: ${names.join(', ') || 'none'}.`, [
        'input',
        'cachePolicy',
      ]);
    if (seconds !== null && (seconds < 0 || seconds > CACHE_SECONDS_MAX))
      throw invalidInput(`Answers are kept from 0 to ${CACHE_SECONDS_MAX} seconds.`, ['input', 'cachePolicy']);
    return [operation, seconds];
  });
}

/** Null takes away what was said. */
function mergeNamed<T>(
  before: Readonly<Record<string, T>>,
  given: readonly (readonly [string, T | null])[],
): Record<string, T> {
  const merged = new Map<string, T | null>([...Object.entries(before), ...given]);
  return Object.fromEntries([...merged].filter((entry): entry is [string, T] => entry[1] !== null));
}

function inRange(field: keyof typeof RANGES, value: Given<number>): Given<number> {
  const [min, max] = RANGES[field];
  if (value !== null && value !== undefined && (value < min || value > max))
    throw invalidInput(`This is a number from ${min} to ${max}.`, ['input', field]);
  return value;
}
