import { invalidInput } from '../errors.ts';

/** Misbehaviour that a tenant asks of its sandboxes (BEY-9): rules, pure. */

/** By their names in the graph: how the sandboxes call them. */
export const FAULTS = {
  SLOW: 'slow',
  SLOW_AFTER: 'slowAfter',
  HANG: 'hang',
  HANG_AFTER: 'hangAfter',
  RESET_BEFORE: 'resetBefore',
  RESET_AFTER: 'resetAfter',
  STATUS_5XX: 'status5xx',
  STATUS_5XX_AFTER: 'status5xxAfter',
  RATE_LIMITED: 'rateLimited',
  MALFORMED_BODY: 'malformedBody',
  TRUNCATED: 'truncated',
  OVERSIZED: 'oversized',
  HTML_405: 'html405',
  ECHO_SECRET: 'echoSecret',
  WRONG_AMOUNT: 'wrongAmount',
  WRONG_CURRENCY: 'wrongCurrency',
  LOST_WEBHOOK: 'lostWebhook',
  DUPLICATE_WEBHOOK: 'duplicateWebhook',
  LATE_WEBHOOK: 'lateWebhook',
  REORDERED_WEBHOOKS: 'reorderedWebhooks',
  FORGED_WEBHOOK: 'forgedWebhook',
  ADDITIONAL_CHARGES: 'additionalCharges',
  NUMERIC_IDS: 'numericIds',
  PENDING_FIRST: 'pendingFirst',
  DROPPED_FIRST: 'droppedFirst',
  PRICE_CHANGED: 'priceChanged',
  SOLD_OUT: 'soldOut',
  LATE_VISIBLE: 'lateVisible',
  STATE_UNKNOWN: 'stateUnknown',
} as const;
export type FaultName = keyof typeof FAULTS;

/** As it was asked for; what does not apply is null. */
export interface FaultRule {
  readonly operation: string;
  readonly fault: FaultName;
  readonly nth: number | null;
  readonly probability: number | null;
  readonly ms: number | null;
  readonly status: number | null;
  readonly retryAfterSeconds: number | null;
}

export type FaultRuleInput = Pick<FaultRule, 'operation' | 'fault'> & {
  readonly [Name in keyof Omit<FaultRule, 'operation' | 'fault'>]?: FaultRule[Name] | undefined;
};

export interface DrillPlan {
  readonly seed: string | null;
  readonly clockFrom: Date | null;
  readonly rules: readonly FaultRule[];
  readonly minutes: number;
}

const RULES_MAX = 20;
const MINUTES_MAX = 60;
/** Both ends are allowed. */
const BOUNDS = {
  nth: [1, 1_000_000],
  probability: [0, 1],
  ms: [0, 600_000],
  status: [500, 599],
  retryAfterSeconds: [0, 3_600],
} as const;
const NUMBERS = Object.keys(BOUNDS) as (keyof typeof BOUNDS)[];

/** @throws INVALID_INPUT */
export function planDrill(input: {
  readonly seed?: string | null | undefined;
  readonly clockFrom?: Date | null | undefined;
  readonly rules: readonly FaultRuleInput[];
  readonly minutes?: number | null | undefined;
}): DrillPlan {
  const { seed = null, clockFrom = null, rules } = input;
  const minutes = input.minutes ?? MINUTES_MAX;
  // Anybody must be able to type it again.
  if (seed !== null && !/^[\x20-\x7e]{1,100}$/.test(seed))
    throw invalidInput('A seed has 1 to 100 printable ASCII characters.', ['input', 'seed']);
  if (clockFrom !== null && seed === null)
    throw invalidInput('Only a sandbox with a seed has a clock of its own.', ['input', 'clockFrom']);
  if (rules.length > RULES_MAX) throw invalidInput(`A drill has ${RULES_MAX} rules at most.`, ['input', 'rules']);
  if (rules.length === 0 && seed === null)
    throw invalidInput('A drill without rules needs a seed. stopFaultDrill ends one.', ['input', 'rules']);
  if (minutes < 1 || minutes > MINUTES_MAX)
    throw invalidInput(`A drill lasts 1 to ${MINUTES_MAX} minutes.`, ['input', 'minutes']);
  return { seed, clockFrom, rules: rules.map(checkRule), minutes };
}

function checkRule({ operation, fault, ...rest }: FaultRuleInput): FaultRule {
  const refuse = (message: string, name: string) => invalidInput(message, ['input', 'rules', name]);
  if (!/^(\*|\w{1,60})$/.test(operation))
    throw refuse("The vendor's own name of an operation, or * for every one.", 'operation');
  const number = (name: keyof typeof BOUNDS): number | null => {
    const value = rest[name] ?? null;
    const [least, most] = BOUNDS[name];
    if (value !== null && !(value >= least && value <= most)) throw refuse(`${name} is ${least} to ${most}.`, name);
    return value;
  };
  const [nth, probability, ms, status, retryAfterSeconds] = NUMBERS.map(number) as [
    number | null,
    number | null,
    number | null,
    number | null,
    number | null,
  ];
  if (nth !== null && probability !== null) throw refuse('Either the nth call, or a share of all.', 'probability');
  return { operation, fault, nth, probability, ms, status, retryAfterSeconds };
}

/**
 * Where the calls of a drill go.
 * @param sandboxes where all of them are served, without a slash at the end @param tenant its slug, which is the drill's name there
 * @returns null for an address elsewhere: nobody but a sandbox is told of drills
 */
export function addressInDrill(baseUrl: string, sandboxes: string | null, tenant: string): string | null {
  if (sandboxes === null || !baseUrl.startsWith(`${sandboxes}/`)) return null;
  return `${sandboxes}/_drill/${tenant}${baseUrl.slice(sandboxes.length)}`;
}
