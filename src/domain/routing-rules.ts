/**
 * A slot's routing rules (PRV-6): what is wrong with them as written, and whether a request fits them. A rule about
 * something the request does not say (an explain query often lacks it, a search has no amount yet) refuses nobody; the
 * decision names what was not checked. So a query and the live call of the same context always decide alike.
 */
import { exponentOf, isCurrency } from './money.ts';
import type { RoutingContext, RoutingReason } from './routing-decision.ts';

/** As stored and as written in the graph: what is absent, null or an empty list restricts nothing. */
export interface RoutingRules {
  /** ISO 4217. A denied code is refused even where it is allowed, too. */
  readonly currencyAllow?: readonly string[] | null;
  readonly currencyDeny?: readonly string[] | null;
  /** ISO 3166-1 alpha-2. */
  readonly countryAllow?: readonly string[] | null;
  readonly countryDeny?: readonly string[] | null;
  /** BCP 47. A range (RFC 4647, 3.3.1): `ar` allows `ar-EG`, `ar-EG` does not allow `ar`. */
  readonly languageAllow?: readonly string[] | null;
  /** Decimals in major units of the request's own currency, both inclusive. */
  readonly amountMin?: string | null;
  readonly amountMax?: string | null;
  /** Local dates YYYY-MM-DD, both inclusive. */
  readonly travelFrom?: string | null;
  readonly travelTo?: string | null;
  /** Percent of the keys that come to this priority, 0 to 100 (routing-share.ts). */
  readonly trafficShare?: number | null;
}

export interface RuleFault {
  readonly field: readonly [keyof RoutingRules];
  readonly message: string;
}

const AMOUNT = /^\d{1,30}(\.\d{1,10})?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const COUNTRY = /^[A-Z]{2}$/;
const LANGUAGE = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;
export const SHARE_MAX = 100;

/** Everything that contradicts itself or cannot be read, each with the field to mend. None: the rules may be stored. */
export function faultsOf(rules: RoutingRules): RuleFault[] {
  const { trafficShare = null } = rules;
  const faults = [...faultsOfCodes(rules), ...faultsOfAmounts(rules), ...faultsOfDates(rules)];
  if (trafficShare !== null && !(Number.isInteger(trafficShare) && trafficShare >= 0 && trafficShare <= SHARE_MAX))
    faults.push(fault('trafficShare', 'A traffic share is a whole percentage from 0 to 100.'));
  return faults;
}

const fault = (field: keyof RoutingRules, message: string): RuleFault => ({ field: [field], message });

function faultsOfCodes(rules: RoutingRules): RuleFault[] {
  const faults: RuleFault[] = [];
  for (const [allow, deny] of [
    ['currencyAllow', 'currencyDeny'],
    ['countryAllow', 'countryDeny'],
  ] as const) {
    const allowed = upperCased(rules[allow]);
    const both = [...upperCased(rules[deny])].filter((code) => allowed.has(code));
    if (both.length > 0) faults.push(fault(deny, `Both allowed and denied: ${listed(both)}.`));
  }
  for (const field of ['currencyAllow', 'currencyDeny'] as const) {
    const unknown = [...upperCased(rules[field])].filter((code) => !isCurrency(code));
    if (unknown.length > 0) faults.push(fault(field, `Not a currency code of ISO 4217: ${listed(unknown)}.`));
  }
  for (const field of ['countryAllow', 'countryDeny'] as const) {
    const unknown = [...upperCased(rules[field])].filter((code) => !COUNTRY.test(code));
    if (unknown.length > 0) faults.push(fault(field, `Not a country code of ISO 3166: ${listed(unknown)}.`));
  }
  const languages = (rules.languageAllow ?? []).filter((language) => !LANGUAGE.test(language));
  if (languages.length > 0) faults.push(fault('languageAllow', `Not a language: ${listed(languages)}.`));
  return faults;
}

function faultsOfAmounts({ amountMin = null, amountMax = null }: RoutingRules): RuleFault[] {
  const unreadable = Object.entries({ amountMin, amountMax }).filter(([, text]) => text !== null && !AMOUNT.test(text));
  if (unreadable.length > 0)
    return unreadable.map(([field]) =>
      fault(field as 'amountMin', 'An amount is a decimal such as 150.50, and not negative.'),
    );
  if (amountMin === null || amountMax === null || scaled(amountMin) <= scaled(amountMax)) return [];
  return [fault('amountMax', 'The largest amount is below the smallest.')];
}

function faultsOfDates({ travelFrom = null, travelTo = null }: RoutingRules): RuleFault[] {
  const unreadable = Object.entries({ travelFrom, travelTo }).filter(([, text]) => text !== null && !isDate(text));
  if (unreadable.length > 0)
    return unreadable.map(([field]) =>
      fault(field as 'travelFrom', 'A date is a day of the calendar such as 2026-12-31.'),
    );
  if (travelFrom === null || travelTo === null || travelFrom <= travelTo) return [];
  return [fault('travelTo', 'The window of travel dates ends before it begins.')];
}

/** What a request has to say for a rule to be checked: bits, so that what was not checked costs one comparison. */
export const FACT = { currency: 1, country: 2, language: 4, amount: 8, travelDate: 16, requestKey: 32 } as const;

const FACT_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [FACT.currency, 'currency'],
  [FACT.country, 'country'],
  [FACT.language, 'language'],
  [FACT.amount, 'amount'],
  [FACT.travelDate, 'travel date'],
  [FACT.requestKey, 'traffic share'],
];

const NOT_CHECKED: readonly (string | null)[] = Array.from({ length: 64 }, (_, facts) => {
  const names = FACT_NAMES.filter(([bit]) => (facts & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? null : `The request does not say enough to check: ${names.join(', ')}.`;
});

/** @param facts bits of FACT @returns null for none */
export function notChecked(facts: number): string | null {
  return NOT_CHECKED[facts] ?? null;
}

/** The request in the form the rules are compared with. */
export interface RuleQuestion {
  /** Bits of FACT that the request does not say. */
  readonly unknown: number;
  readonly currency: string;
  readonly country: string;
  readonly language: string;
  /** In the unit of `scaled`. */
  readonly amount: bigint;
  readonly travelDate: string;
}

export function questionOf(context: RoutingContext): RuleQuestion {
  const { currencyCode, countryCode, language, amountMinor, travelDate, requestKey } = context;
  const currency = currencyCode?.toUpperCase() ?? '';
  // An amount of no currency, or of one that is none any more, is a number and no amount.
  const hasAmount = amountMinor !== null && isCurrency(currency);
  return {
    unknown:
      (currencyCode === null ? FACT.currency : 0) |
      (countryCode === null ? FACT.country : 0) |
      (language === null ? FACT.language : 0) |
      (hasAmount ? 0 : FACT.amount) |
      (travelDate === null ? FACT.travelDate : 0) |
      (requestKey === null ? FACT.requestKey : 0),
    currency,
    country: countryCode?.toUpperCase() ?? '',
    language: language?.toLowerCase() ?? '',
    amount: hasAmount ? amountMinor * SCALE_OF_MINOR[exponentOf(currency)]! : 0n,
    travelDate: travelDate ?? '',
  };
}

/** A reason of the rules with its sentence, made once. */
export interface Refusal {
  readonly reason: RoutingReason;
  readonly detail: string;
}

type Check = (question: RuleQuestion) => boolean;

interface Rule {
  /** The bit of FACT without which the rule is not checked. */
  readonly fact: number;
  readonly fits: Check;
  readonly refusal: Refusal;
}

export interface CompiledRules {
  readonly rules: readonly Rule[];
  /** The bits of FACT of all rules. */
  readonly facts: number;
}

/**
 * Makes rules quick to check, in the order of the reasons.
 * @returns null for rules that cannot be read: their slot is then left out, because a limit nobody can read may be one
 * that matters
 */
export function compileRules(rules: RoutingRules): CompiledRules | null {
  if (faultsOf(rules).length > 0) return null;
  const compiled = [currencyRule(rules), countryRule(rules), languageRule(rules), amountRule(rules), dateRule(rules)];
  const some = compiled.filter((rule) => rule !== null);
  return { rules: some, facts: some.reduce((facts, { fact }) => facts | fact, 0) };
}

/** The first rule that refuses, or null. */
export function refusedBy(compiled: CompiledRules, question: RuleQuestion): Refusal | null {
  for (const { fact, fits, refusal } of compiled.rules)
    if ((question.unknown & fact) === 0 && !fits(question)) return refusal;
  return null;
}

function currencyRule({ currencyAllow, currencyDeny }: RoutingRules): Rule | null {
  const [allowed, denied] = [upperCased(currencyAllow), upperCased(currencyDeny)];
  if (allowed.size + denied.size === 0) return null;
  const fits: Check = ({ currency }) => (allowed.size === 0 || allowed.has(currency)) && !denied.has(currency);
  return { fact: FACT.currency, fits, refusal: { reason: 'CURRENCY_NOT_ALLOWED', detail: onlyOrNot(allowed, denied) } };
}

function countryRule({ countryAllow, countryDeny }: RoutingRules): Rule | null {
  const [allowed, denied] = [upperCased(countryAllow), upperCased(countryDeny)];
  if (allowed.size + denied.size === 0) return null;
  const fits: Check = ({ country }) => (allowed.size === 0 || allowed.has(country)) && !denied.has(country);
  return { fact: FACT.country, fits, refusal: { reason: 'COUNTRY_NOT_ALLOWED', detail: onlyOrNot(allowed, denied) } };
}

function languageRule({ languageAllow }: RoutingRules): Rule | null {
  const ranges = (languageAllow ?? []).map((range) => range.toLowerCase());
  if (ranges.length === 0) return null;
  const covers = (range: string, language: string) =>
    language.startsWith(range) && (language.length === range.length || language[range.length] === '-');
  const fits: Check = ({ language }) => ranges.some((range) => covers(range, language));
  const detail = `Only ${listed(languageAllow ?? [])}.`;
  return { fact: FACT.language, fits, refusal: { reason: 'LANGUAGE_NOT_ALLOWED', detail } };
}

function amountRule({ amountMin = null, amountMax = null }: RoutingRules): Rule | null {
  if (amountMin === null && amountMax === null) return null;
  const least = amountMin === null ? null : scaled(amountMin);
  const most = amountMax === null ? null : scaled(amountMax);
  const fits: Check = ({ amount }) => (least === null || amount >= least) && (most === null || amount <= most);
  const detail = spanned(amountMin, amountMax);
  return { fact: FACT.amount, fits, refusal: { reason: 'AMOUNT_OUT_OF_RANGE', detail } };
}

function dateRule({ travelFrom = null, travelTo = null }: RoutingRules): Rule | null {
  if (travelFrom === null && travelTo === null) return null;
  const fits: Check = ({ travelDate }) =>
    (travelFrom === null || travelDate >= travelFrom) && (travelTo === null || travelDate <= travelTo);
  const detail = spanned(travelFrom, travelTo);
  return { fact: FACT.travelDate, fits, refusal: { reason: 'TRAVEL_DATE_OUT_OF_WINDOW', detail } };
}

const SCALE = 10;
/** What a minor unit is in the integers bounds are kept in, by the currency's exponent. */
const SCALE_OF_MINOR: readonly bigint[] = [0, 1, 2, 3].map((exponent) => 10n ** BigInt(SCALE - exponent));

/** A decimal as an exact integer of 10 decimals: a bound knows no currency, so it may be finer than the request's. */
function scaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(SCALE, '0'));
}

export function isDate(text: string): boolean {
  const instant = DATE.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(instant) && new Date(instant).toISOString().startsWith(text);
}

function upperCased(codes: readonly string[] | null | undefined): ReadonlySet<string> {
  return new Set((codes ?? []).map((code) => code.toUpperCase()));
}

const LISTED_MAX = 10;

/** A bounded list for a sentence. */
function listed(names: Iterable<string>): string {
  const all = [...names];
  const rest = all.length > LISTED_MAX ? ` and ${all.length - LISTED_MAX} more` : '';
  return `${all.slice(0, LISTED_MAX).join(', ')}${rest}`;
}

function onlyOrNot(allowed: ReadonlySet<string>, denied: ReadonlySet<string>): string {
  if (allowed.size === 0) return `Not ${listed(denied)}.`;
  return denied.size === 0 ? `Only ${listed(allowed)}.` : `Only ${listed(allowed)}; not ${listed(denied)}.`;
}

function spanned(from: string | null, to: string | null): string {
  if (from === null) return `Up to ${to}.`;
  return to === null ? `From ${from}.` : `From ${from} to ${to}.`;
}
