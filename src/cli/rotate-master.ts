import { signingKeyContext } from '../auth/signing-keys.ts';
import { appendAudit } from '../audit.ts';
import { credentialContext } from '../credentials.ts';
import type { Database, Scope } from '../db.ts';
import { AppError } from '../errors.ts';
import { PLATFORM, type CatalogueTools } from '../resolvers/catalogue-change.ts';
import { SEALED_HEAD_BYTES, type Vault } from '../vault.ts';
import { bodyContext } from '../webhook-deliveries.ts';
import { UsageError, type Command, type Surroundings } from './command.ts';
import { AUTHOR, catalogueTools, clock, withDatabase } from './open.ts';
import { listTenants, scopeOf, type Tenant } from './tenants.ts';

const STATEMENT_MS = 600_000;
const PAGE = 200;
const PROGRESS_EVERY_MS = 5_000;

export const ROTATE_MASTER: Command = {
  name: 'secrets rotate-master',
  usage: '',
  help: [
    'Wraps everything that is sealed under the newest master key: credentials, signing keys, webhook bodies. Nothing stops meanwhile, and',
    'after a crash it is just run again. In this order: 1. Every process gets the new key beside the old one, as SECRET_KEYS_OLD=2:<new>.',
    '2. Every process gets SECRET_KEY=<new>, SECRET_KEY_VERSION=2, SECRET_KEYS_OLD=1:<old>. 3. This command, with the same. 4. 30 days later',
    'the old key may go: cursors, links and idempotency keys that were handed out under it end with it.',
  ],
  run: (_given, around) =>
    withDatabase(
      around,
      async (db, config) => {
        const newer = config.olderMasterKeys.find(({ version }) => version > config.masterKey.version);
        if (newer)
          throw new UsageError(
            `SECRET_KEYS_OLD has key ${newer.version}, which is newer than SECRET_KEY_VERSION ${config.masterKey.version}: make it the SECRET_KEY first.`,
          );
        return new Rotation(db, catalogueTools(config, around), around).run();
      },
      STATEMENT_MS,
    ),
};

/** A kind of thing that is sealed, and where. */
interface Kind {
  readonly table: 'credentials' | 'signing_keys' | 'webhook_deliveries';
  readonly name: string;
  readonly column: string;
  /** Of the platform alone. */
  readonly ofPlatform?: true;
  /** Alias t: what the context is made of, besides the key. */
  readonly select: string;
  readonly key: string;
  readonly mine: string;
  readonly first: string;
  context(tenant: Tenant, row: SealedRow): string;
  /** For people: which one it is. */
  told(row: SealedRow): string;
}

interface SealedRow {
  readonly key: string;
  readonly head: Buffer;
  /** Of credentials. */
  readonly owner?: string;
  readonly name?: string;
  readonly version?: number;
}

const MINE = 't.tenant_id = current_tenant()';
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Everything that Vault.seal is used for: test/cli/rotate-master.test.ts finds what is missing here. */
export const SEALED_KINDS: readonly Kind[] = [
  {
    table: 'credentials',
    name: 'credentials',
    column: 'sealed',
    select: ', t.owner, t.name, t.version',
    key: 't.id',
    mine: MINE,
    first: NO_ID,
    context: ({ id: tenantId }, { owner, name, version }) =>
      credentialContext({ tenantId, owner: owner!, name: name!, version: version! }),
    told: ({ owner, name, version }) => `credential ${owner} ${name}, version ${version}`,
  },
  {
    table: 'signing_keys',
    name: 'signing keys',
    column: 'sealed',
    ofPlatform: true,
    select: '',
    key: 't.kid',
    mine: 'true',
    first: '',
    context: (_tenant, { key }) => signingKeyContext(key),
    told: ({ key }) => `signing key ${key}`,
  },
  {
    table: 'webhook_deliveries',
    name: 'webhook bodies',
    column: 'body_sealed',
    select: '',
    key: 't.id',
    mine: MINE,
    first: NO_ID,
    context: ({ id }, { key }) => bodyContext(id, key),
    told: ({ key }) => `body of the webhook delivery ${key}`,
  },
];

/** One run over everything of everybody. */
class Rotation {
  readonly #db: Database;
  readonly #tools: CatalogueTools;
  readonly #around: Surroundings;
  readonly #vault: Vault;
  readonly #done = new Map<string, number>();
  #unreadable = 0;
  #toldAt = performance.now();

  constructor(db: Database, tools: CatalogueTools, around: Surroundings) {
    this.#db = db;
    this.#tools = tools;
    this.#around = around;
    this.#vault = tools.vault;
  }

  async run(): Promise<boolean> {
    const tenants = await listTenants(this.#db, null);
    const places = tenants.flatMap((tenant) =>
      SEALED_KINDS.filter(({ ofPlatform }) => !ofPlatform || tenant.id === PLATFORM.tenantId).map((kind) => ({
        kind,
        tenant,
      })),
    );
    const version = this.#vault.masterKeyVersion;
    const before = await this.#left(places);
    if (before === 0) {
      await this.#around.result(`Everything is under master key ${version} already.`);
      return true;
    }
    await this.#audit('masterKey.rotation.begin', { left: before });
    for (const { kind, tenant } of places) await this.#rewrapAll(kind, tenant);
    const left = await this.#left(places);
    await this.#audit('masterKey.rotation.end', { ...Object.fromEntries(this.#done), left });
    const told = [...this.#done].map(([name, count]) => `${count} ${name}`).join(', ') || 'nothing';
    await this.#around.result(`Under master key ${version} now: ${told}.`);
    if (left === 0) return true;
    await this.#around.result(
      this.#unreadable > 0
        ? `${left} values are under other keys still: those above cannot be opened.`
        : `${left} values were sealed under another key meanwhile: some process still has the old SECRET_KEY. Run this again when none has.`,
    );
    return false;
  }

  async #rewrapAll(kind: Kind, tenant: Tenant): Promise<void> {
    let done = 0;
    for (let after: string | null = kind.first; after !== null;) {
      const page = await this.#rewrapPage(kind, tenant, after);
      done += page.done;
      after = page.last;
      this.#tellProgress(kind, tenant, done);
    }
    if (done > 0) this.#around.progress(`${tenant.slug}: ${done} ${kind.name}`);
    if (done > 0) this.#done.set(kind.name, (this.#done.get(kind.name) ?? 0) + done);
  }

  /** One page in one transaction: what a crash takes back is a page at most, and is found again. */
  async #rewrapPage(kind: Kind, tenant: Tenant, after: string): Promise<{ done: number; last: string | null }> {
    const refused: string[] = [];
    const page = await this.#db.write(scopeOf(tenant), async (tx) => {
      const rows = await tx.query<SealedRow>(pageOf(kind), [this.#vault.masterKeyVersion, after, PAGE]);
      refused.length = 0;
      const wrapped = rows.flatMap((row) => {
        const heads = this.#rewrap(kind, tenant, row, refused);
        return heads ? [{ key: row.key, ...heads }] : [];
      });
      // Only those whose head is still the one that was read: whoever changed or forgot a value meanwhile was first.
      const changed = await tx.query('select * from rewrap($1, $2, $3, $4)', [
        kind.table,
        wrapped.map(({ key }) => key),
        wrapped.map(({ from }) => from),
        wrapped.map(({ to }) => to),
      ]);
      return { done: changed.length, last: rows.length < PAGE ? null : rows.at(-1)!.key };
    });
    for (const line of refused) this.#around.progress(line);
    this.#unreadable += refused.length;
    return page;
  }

  #rewrap(kind: Kind, tenant: Tenant, row: SealedRow, refused: string[]): { from: Buffer; to: Buffer } | null {
    try {
      return this.#vault.rewrap(row.head, kind.context(tenant, row));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      refused.push(`${tenant.slug}: ${kind.told(row)}: ${error.message}`);
      return null;
    }
  }

  async #left(places: readonly { readonly kind: Kind; readonly tenant: Tenant }[]): Promise<number> {
    let left = 0;
    for (const { kind, tenant } of places) {
      const { count } = await this.#db.read(scopeOf(tenant), (tx) =>
        tx.one<{ count: bigint }>(leftOf(kind), [this.#vault.masterKeyVersion]),
      );
      left += Number(count);
    }
    return left;
  }

  #tellProgress(kind: Kind, tenant: Tenant, done: number): void {
    if (performance.now() - this.#toldAt < PROGRESS_EVERY_MS) return;
    this.#toldAt = performance.now();
    this.#around.progress(`${tenant.slug}: ${done} ${kind.name} so far ...`);
  }

  async #audit(action: string, after: object): Promise<void> {
    const scope: Scope = PLATFORM;
    await this.#db.write(scope, (tx) =>
      appendAudit(tx, {
        id: this.#tools.author.newId(),
        actor: AUTHOR,
        action,
        target: `MasterKey:${this.#vault.masterKeyVersion}`,
        before: null,
        after,
        occurredAt: clock.now(),
      }),
    );
  }
}

const other = ({ column }: Kind) => `t.${column} is not null and wrapped_under(t.${column}) <> $1`;

const leftOf = (kind: Kind) => `select count(*) as count from ${kind.table} t where ${kind.mine} and ${other(kind)}`;

const pageOf = (kind: Kind) =>
  `select ${kind.key}::text as key, substring(t.${kind.column} from 1 for ${SEALED_HEAD_BYTES}) as head${kind.select}
   from ${kind.table} t where ${kind.mine} and ${kind.key} > $2 and ${other(kind)} order by ${kind.key} limit $3`;
