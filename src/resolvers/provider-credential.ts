import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { checkCredentialValue, providerOwner, writeCredential, type WrittenCredential } from '../credentials.ts';
import type { Transaction } from '../db.ts';
import { GRACE_HOURS, GRACE_HOURS_MAX, graceEnd } from '../domain/credential-state.ts';
import type { Mode, StoredTest } from '../domain/provider-switch.ts';
import { AppError, invalidInput } from '../errors.ts';
import type { Done } from '../operations.ts';
import {
  changeCatalogue,
  descriptionOf,
  lockProvider,
  refuseAway,
  type CatalogueTools,
  type ChangeWork,
} from './catalogue-change.ts';
import { recordProvider } from './provider.ts';
import { askProvider, readAsked, writeTest, type AskingTools } from './provider-test.ts';

export interface SetCredentialInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly slug: string;
  readonly name: string;
  readonly value: string;
  /** The mode the provider is in, unless told. */
  readonly mode?: Mode | null | undefined;
}

export interface RotateCredentialInput extends SetCredentialInput {
  /** How long the version before goes on serving. */
  readonly graceHours?: number | null | undefined;
}

/** Seals a value as a new version, which counts at once (PRV-3). @throws NOT_FOUND, INVALID_INPUT, INVALID_STATE */
export async function setProviderCredential(ctx: Context, input: SetCredentialInput): Promise<Done> {
  authorize(ctx, 'provider.credential');
  refuseAway(ctx.scope);
  return changeCatalogue(ctx, 'setProviderCredential', input, () => (tools, tx) => setCredential(tools, tx, input));
}

/**
 * Tries the new value with the provider first; only if that works it becomes the newest version, and the one before goes on for its grace
 * (PRV-4).
 * @throws NOT_FOUND, INVALID_INPUT, INVALID_STATE, CONNECTION_TEST_FAILED: nothing was changed
 */
export async function rotateProviderCredential(ctx: Context, input: RotateCredentialInput): Promise<Done> {
  authorize(ctx, 'provider.credential');
  refuseAway(ctx.scope);
  checkRotation(input);
  return changeCatalogue(ctx, 'rotateProviderCredential', input, (tools) => rotation(tools, ctx.app, input));
}

/** The same for commands and the seed, in a transaction of the platform's. @throws as setProviderCredential */
export async function setCredential(tools: CatalogueTools, tx: Transaction, input: SetCredentialInput): Promise<Done> {
  checkValue(input.value);
  const provider = await lockProvider(tx, input.slug);
  const mode = input.mode ?? provider.mode;
  checkName(tools, input);
  // Nobody asked for a grace: what was there before ends now, and is forgotten soon.
  const { before, after } = await writeNext(tools, tx, { ...input, mode }, 0);
  await tx.query('update providers set version = version + 1 where slug = $1', [provider.slug]);
  return recordProvider(tools, tx, provider, {
    action: 'provider.credential.set',
    before: before && { mode, ...before },
    after: { mode, ...after },
  });
}

/** Asks the provider, and gives what is left to do in the transaction: for requests and for commands. @throws as rotateProviderCredential */
export async function rotation(
  tools: CatalogueTools,
  asking: AskingTools,
  input: RotateCredentialInput,
): Promise<ChangeWork> {
  checkRotation(input);
  const asked = await readAsked(asking, input.slug, input.mode ?? null);
  checkName(tools, input);
  const test = await askProvider(asking, asked, { [input.name]: input.value });
  if (!test.ok)
    throw new AppError(
      'CONNECTION_TEST_FAILED',
      `The provider does not take the new value, and nothing was changed. ${test.reason ?? ''}`.trim(),
      { field: ['input', 'value'], details: { mode: asked.mode, latencyMs: test.latencyMs } },
    );
  return (inside, tx) => writeRotation(inside, tx, { ...input, mode: asked.mode }, test);
}

async function writeRotation(
  tools: CatalogueTools,
  tx: Transaction,
  input: RotateCredentialInput & { readonly mode: Mode },
  test: StoredTest,
): Promise<Done> {
  const { mode, slug } = input;
  const provider = await lockProvider(tx, slug);
  const { before, after, graceUntil } = await writeNext(tools, tx, input, input.graceHours ?? GRACE_HOURS);
  // What was tried is what is stored now.
  await writeTest(tx, slug, mode, { ...test, versions: { ...test.versions, [after.name]: after.version } });
  return recordProvider(tools, tx, provider, {
    action: 'provider.credential.rotate',
    before: before && { mode, ...before },
    after: { mode, ...after, ...(before && { graceUntil }) },
  });
}

async function writeNext(
  tools: CatalogueTools,
  tx: Transaction,
  of: { readonly slug: string; readonly mode: Mode; readonly name: string; readonly value: string },
  graceHours: number,
): Promise<{ before: WrittenCredential | null; after: WrittenCredential; graceUntil: Date }> {
  const owner = providerOwner(of.slug, of.mode);
  const now = tools.author.clock.now();
  const graceUntil = graceEnd(now, graceHours);
  const before = await tx.maybeOne<WrittenCredential>(
    `select name, version, last_four as "lastFour" from credentials
     where tenant_id = current_tenant() and owner = $1 and name = $2 order by version desc limit 1`,
    [owner, of.name],
  );
  const after = await writeCredential({ ...tools.author, vault: tools.vault, clock: { now: () => now } }, tx, {
    ...of,
    owner,
  });
  if (before)
    await tx.query(
      'update credentials set grace_until = $4 where tenant_id = current_tenant() and owner = $1 and name = $2 and version = $3',
      [owner, of.name, before.version, graceUntil],
    );
  return { before: before ?? null, after, graceUntil };
}

function checkName(tools: CatalogueTools, { slug, name }: SetCredentialInput): void {
  const names = descriptionOf(tools, slug).credentials.map((credential) => credential.name);
  if (!names.includes(name))
    throw invalidInput(`The credentials of ${slug} are: ${names.join(', ')}.`, ['input', 'name']);
}

function checkRotation({ value, graceHours }: RotateCredentialInput): void {
  checkValue(value);
  if (graceHours !== null && graceHours !== undefined && (graceHours < 0 || graceHours > GRACE_HOURS_MAX))
    throw invalidInput(`A grace lasts from 0 to ${GRACE_HOURS_MAX} hours.`, ['input', 'graceHours']);
}

// What was pasted with a line's end would be refused by the vendor, or break the header it is sent in.
function checkValue(value: string): void {
  checkCredentialValue(value, ['input', 'value']);
  if (/\p{Cc}/u.test(value) || value.trim() !== value)
    throw invalidInput('A credential has no line breaks, and no blanks around it.', ['input', 'value']);
}
