import { z } from 'zod';

import { readAddressList, type AddressList } from './domain/addresses.ts';

/**
 * The environment as a typed value. Every mistake is reported at once; an empty variable counts as unset; what is off is null.
 * Names are those operators know (decisions.md, "Running").
 */
const port = z.coerce.number().int().min(0).max(65535);
const count = (fallback: number, max: number) => z.coerce.number().int().min(1).max(max).default(fallback);

const Environment = z.object({
  ENVIRONMENT: z.enum(['development', 'test', 'production']).default('development'),
  ROLE: z.enum(['all', 'api', 'worker']).default('all'),
  PORT: port.default(4000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' }),
  REDIS_URL: z.url().optional(),
  SECRET_KEY: z.string().min(32, 'must have 32 characters or more'),
  /** Older master keys, still able to open what they sealed: `1:<key>,2:<key>`. */
  SECRET_KEYS_OLD: z.string().optional(),
  SECRET_KEY_VERSION: z.coerce.number().int().min(1).max(1_000_000).default(1),
  APP_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  CORS_ORIGINS: z.string().optional(),
  METRICS_TOKEN: z.string().min(16).optional(),
  DATABASE_POOL_SIZE: count(10, 500),
  DATABASE_ACQUIRE_TIMEOUT_MS: count(2_000, 60_000),
  DATABASE_STATEMENT_TIMEOUT_MS: count(8_000, 600_000),
  REQUEST_DEADLINE_MS: count(10_000, 600_000),
  WEBHOOK_CONFIRM_BUDGET_MS: count(3_000, 30_000),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  LEGACY_FAWATERK_TENANT: z.string().optional(),
  FAWATERK_BASE_URL: z.url().optional(),
  /** Where simulated vendors are served; never read in production. */
  SIMULATORS_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Proxies whose X-Forwarded-For is believed: addresses and ranges, `loopback` for this machine. Unset: none. */
  TRUSTED_PROXIES: z
    .string()
    .transform(readAddressList)
    .refine((list) => list !== null, 'must be addresses or ranges, separated by commas')
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  GRAPHIQL_KEY: z.string().optional(),
  THIN_ENTRANCE: z.enum(['on', 'off']).default('on'),
  COMPILED_EXECUTION: z.enum(['on', 'off']).default('on'),
});

export interface Config {
  readonly environment: 'development' | 'test' | 'production';
  readonly role: 'all' | 'api' | 'worker';
  readonly host: string;
  readonly port: number;
  /** Where the outside reaches us: links come from here, never from a Host header. No trailing slash. */
  readonly baseUrl: string;
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  readonly databaseAcquireTimeoutMs: number;
  readonly databaseStatementTimeoutMs: number;
  readonly requestDeadlineMs: number;
  readonly webhookConfirmBudgetMs: number;
  readonly masterKey: { readonly version: number; readonly secret: string };
  readonly olderMasterKeys: readonly { readonly version: number; readonly secret: string }[];
  readonly metricsToken: string | null;
  readonly bootstrapOrigins: readonly string[];
  readonly logLevel: string;
  readonly legacyFawaterkTenant: string | null;
  readonly fawaterkBaseUrl: string | null;
  /** Gateways are looked for here instead of at their own hosts; null in production, whatever the environment says. */
  readonly simulatorsUrl: string | null;
  readonly trustedProxies: AddressList;
  readonly traceEndpoint: string | null;
  /** Prefilled in GraphiQL; never in production. */
  readonly graphiqlKey: string | null;
  readonly thinEntrance: boolean;
  readonly compiledExecution: boolean;
}

const NO_ADDRESSES: AddressList = { has: () => false };

/** @throws Error with one line per mistake: what is wrong, and with which variable. Values are never shown. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = Environment.safeParse(given);
  const mistakes = parsed.success
    ? olderKeyMistakes(parsed.data.SECRET_KEYS_OLD)
    : parsed.error.issues.map(
        (issue) =>
          `${issue.path.join('.')}: ${given[String(issue.path[0])] === undefined ? 'is required' : issue.message}`,
      );
  if (!parsed.success || mistakes.length > 0) {
    throw new Error(
      `The configuration has ${mistakes.length} mistake(s):\n${mistakes.map((line) => `  - ${line}`).join('\n')}`,
    );
  }
  const env = parsed.data;
  const production = env.ENVIRONMENT === 'production';
  if (production && !env.APP_BASE_URL)
    throw new Error('The configuration has 1 mistake(s):\n  - APP_BASE_URL: is required in production');
  return {
    environment: env.ENVIRONMENT,
    role: env.ROLE,
    host: env.HOST,
    port: env.PORT,
    baseUrl: (env.APP_BASE_URL ?? `http://localhost:${env.PORT}`).replace(/\/+$/, ''),
    databaseUrl: env.DATABASE_URL,
    databasePoolSize: env.DATABASE_POOL_SIZE,
    databaseAcquireTimeoutMs: env.DATABASE_ACQUIRE_TIMEOUT_MS,
    databaseStatementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT_MS,
    requestDeadlineMs: env.REQUEST_DEADLINE_MS,
    webhookConfirmBudgetMs: env.WEBHOOK_CONFIRM_BUDGET_MS,
    masterKey: { version: env.SECRET_KEY_VERSION, secret: env.SECRET_KEY },
    olderMasterKeys: parseOlderKeys(env.SECRET_KEYS_OLD),
    metricsToken: env.METRICS_TOKEN ?? null,
    bootstrapOrigins: (env.CORS_ORIGINS ?? '')
      .split(',')
      .map((origin) => origin.trim())
      .filter(Boolean),
    logLevel: env.LOG_LEVEL ?? (production ? 'info' : env.ENVIRONMENT === 'test' ? 'silent' : 'info'),
    legacyFawaterkTenant: env.LEGACY_FAWATERK_TENANT ?? null,
    fawaterkBaseUrl: env.FAWATERK_BASE_URL ?? null,
    simulatorsUrl: production ? null : (env.SIMULATORS_URL?.replace(/\/+$/, '') ?? null),
    trustedProxies: env.TRUSTED_PROXIES ?? NO_ADDRESSES,
    traceEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    graphiqlKey: production ? null : (env.GRAPHIQL_KEY ?? null),
    thinEntrance: env.THIN_ENTRANCE === 'on',
    compiledExecution: env.COMPILED_EXECUTION === 'on',
  };
}

function parseOlderKeys(text: string | undefined): { version: number; secret: string }[] {
  // A key may hold commas, too: the next pair begins with a number and a colon.
  return (text ?? '')
    .replace(/,$/, '')
    .split(/,(?=\d+:)/)
    .filter(Boolean)
    .map((part) => ({ version: Number(part.slice(0, part.indexOf(':'))), secret: part.slice(part.indexOf(':') + 1) }));
}

function olderKeyMistakes(text: string | undefined): string[] {
  const good = parseOlderKeys(text).every(
    ({ version, secret }) => Number.isInteger(version) && version > 0 && secret.length >= 32,
  );
  return good
    ? []
    : ['SECRET_KEYS_OLD: must be version:key pairs with keys of 32 characters or more, separated by commas'];
}
