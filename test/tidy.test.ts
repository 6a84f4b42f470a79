import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

/** The rules that matter, held by a test (architecture.md). Every message says what to do instead. */

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .filter((file) => !file.includes('generated/') && !file.includes('node_modules/'));
}

const sources = filesBelow('src', /\.ts$/);
const tests = filesBelow('test', /\.ts$/);
const everything = [
  ...sources,
  ...tests,
  ...filesBelow('bench', /\.ts$/),
  ...filesBelow('scripts', /\.(ts|mjs)$/),
  ...filesBelow('prisma', /\.ts$/),
  ...filesBelow('examples', /\.tsx?$/),
];
const texts = new Map(everything.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
const textOf = (file: string): string => texts.get(file) ?? '';

/** Code without comments and strings' contents, so that a word in a sentence is no call. */
function codeOf(file: string): string {
  return textOf(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

function importsOf(file: string): string[] {
  const found = [...codeOf(file).matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) => match[1]!);
  return found.map((target) => path.posix.normalize(path.posix.join(path.posix.dirname(file), target)));
}

/** Tests are lists of promises and may be longer than what they test. */
const LINES_MAX = { product: 400, tests: 600 };
test('no file is longer than 400 lines, no test than 600', () => {
  const long = everything.filter((file) => {
    const lines = textOf(file).trimEnd().split('\n').length;
    return lines > (file.startsWith('test/') ? LINES_MAX.tests : LINES_MAX.product);
  });
  expect(long, 'Look for a seam and split the file at it.').toEqual([]);
});

const FUNCTION_LINES_MAX = 60;
/** A factory is a list of small functions around what they share. */
const FACTORY_LINES_MAX = 110;
test(`no function of the product is longer than a screen (${FUNCTION_LINES_MAX} lines)`, () => {
  const long = sources.flatMap((file) => longFunctions(file));
  expect(long, 'Give a part of it a name of its own. Field lists of the schema do not count.').toEqual([]);
});

function longFunctions(file: string): string[] {
  const lines = textOf(file).split('\n');
  const found: string[] = [];
  lines.forEach((line, start) => {
    const head =
      /^(\s*)(?:export )?(?:async )?function\*? (\w+)|^(\s+)(?:private |static |async |override |get |set )*#?(\w+)\([^)]*\)[^;{]*\{$/.exec(
        line,
      );
    if (!head) return;
    const indent = head[1] ?? head[3] ?? '';
    const end = lines.findIndex((later, index) => index > start && (later === `${indent}}` || later === `${indent}},`));
    const linesMax = /^(create|open|start)[A-Z]/.test(head[2] ?? '') ? FACTORY_LINES_MAX : FUNCTION_LINES_MAX;
    if (end - start > linesMax) found.push(`${file}:${start + 1} ${head[2] ?? head[4]} has ${end - start + 1} lines`);
  });
  return found;
}

test('properties are tried with the seed that helpers/property.ts sets', () => {
  const direct = tests.filter(
    (file) => file !== 'test/helpers/property.ts' && /^import .*'fast-check';/m.test(textOf(file)),
  );
  expect(direct, "Import fc from '../helpers/property.ts': a run must be the same run tomorrow.").toEqual([]);
});

test('no file is called utils, helpers, common, manager or service', () => {
  const named = sources.filter((file) => /(^|\/)(utils?|helpers?|common|manager|services?)(\.ts|\/)/.test(file));
  expect(named, 'Name the file after the noun it is about.').toEqual([]);
});

/** What a folder may not import, and why. Imports go one way: main, app, schema/jobs/webhooks, resolvers, domain, integrations. */
const IMPORT_RULES: readonly { from: RegExp; never: RegExp; why: string }[] = [
  { from: /^src\/domain\//, never: /^src\/(?!domain\/|errors\.ts)/, why: 'The domain is pure: hand the value in.' },
  {
    from: /^src\/integrations\//,
    never: /^src\/(?!integrations\/|domain\/|errors\.ts|clock\.ts)/,
    why: 'An integration talks to its vendor and knows nothing of us.',
  },
  {
    from: /^src\/resolvers\//,
    never: /^src\/(schema|graphql|http|live|launch)\/|^src\/(app|main|http)\.ts/,
    why: 'Verbs do not know who shows them.',
  },
  {
    from: /^src\/schema\//,
    never: /^src\/(app|main|http|db|integrations|launch|live)(\/|\.ts)/,
    why: 'The schema says what there is; verbs in src/resolvers do it.',
  },
  { from: /^src\/(?!main\.ts|launch\/|cli)/, never: /^src\/(main\.ts|launch\/)/, why: 'Only the launcher launches.' },
];

test('imports go one way', () => {
  const wrong = sources.flatMap((file) =>
    IMPORT_RULES.filter((rule) => rule.from.test(file)).flatMap((rule) =>
      importsOf(file)
        .filter((target) => rule.never.test(target) && !isTypeOnly(file, target))
        .map((target) => `${file} imports ${target}. ${rule.why}`),
    ),
  );
  expect(wrong).toEqual([]);
});

// A type costs nothing at run time and binds nobody's order of loading.
function isTypeOnly(file: string, target: string): boolean {
  const name = path.posix.basename(target).replaceAll('.', '\\.');
  return (
    new RegExp(`import type [^;]*/${name}'`).test(codeOf(file)) &&
    !new RegExp(`import (?!type)[^;]*/${name}'`).test(codeOf(file))
  );
}

test('simulators import nothing of the client, wire or map they are called by', () => {
  const wrong = sources
    .filter((file) => /simulator/.test(file))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => /\/(client|wire|map|signature|webhook)\.ts$|integrations\/contract\.ts$/.test(target))
        .map((target) => `${file} imports ${target}`),
    );
  expect(wrong, 'A simulator is written from the specification, or it only mirrors our mistakes.').toEqual([]);
});

/** Calls that only certain files may make. */
const BANNED_CALLS: readonly { call: RegExp; allowed: RegExp; instead: string }[] = [
  {
    call: /process\.env/,
    allowed: /^src\/(main|cli)\.ts|^src\/(launch|cli)\/|^src\/integrations\/simulators\.ts/,
    instead: 'Read it in config.ts and hand it in.',
  },
  {
    call: /Date\.now\(|new Date\(\)/,
    allowed: /^src\/(app|main|cli)\.ts|^src\/(launch|cli)\/|^src\/integrations\/simulators\.ts/,
    instead: 'Use the injected clock.',
  },
  { call: /Math\.random/, allowed: /^src\/app\.ts/, instead: 'Randomness is injected in app.ts.' },
  {
    call: /(?<![.\w])fetch\(/,
    allowed: /^src\/(integrations\/http\.ts|launch\/|cli\/)/,
    instead: 'Outside calls go through integrations/http.ts.',
  },
  {
    call: /console\.(log|error|warn)/,
    allowed: /^src\/(main\.ts|launch\/|cli)/,
    instead: 'Use the logger of the context.',
  },
  {
    call: /\benum \w+ \{|\bnamespace \w+ \{/,
    allowed: /^$/,
    instead: 'Types must be erasable: use a union or a const object.',
  },
];

test('time, randomness, environment and sockets are reached from one place only', () => {
  const wrong = sources.flatMap((file) =>
    BANNED_CALLS.filter(({ call, allowed }) => !allowed.test(file) && call.test(codeOf(file))).map(
      ({ call, instead }) => `${file} uses ${call.source}. ${instead}`,
    ),
  );
  expect(wrong).toEqual([]);
});

test('nobody silences a checker, skips a test or leaves work undone', () => {
  const wrong = everything
    .filter((file) => file !== 'test/tidy.test.ts')
    .filter((file) =>
      /@ts-(ignore|expect-error|nocheck)|(oxlint|eslint)-disable|\b(it|test|describe)\.(only|todo)\(|\b(TODO|FIXME|XXX:)\b|not implemented/i.test(
        textOf(file),
      ),
    );
  expect(wrong, 'Mend it, or say so in the closing note.').toEqual([]);
});

test('nothing of a machine is in the repository', () => {
  const kept = [...everything, 'package.json', 'package-lock.json', 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];
  const wrong = kept
    .filter((file) => file !== 'test/tidy.test.ts')
    .filter((file) => {
      const text = texts.get(file) ?? readFileSync(path.join(root, file), 'utf8');
      return /["'`\s(](?:\/work\/|\/home\/\w|\/root\/|\/Users\/)/.test(text) || /registry\.(npmjs|yarnpkg)/.test(text);
    });
  expect(wrong, 'No absolute paths, no registry hosts.').toEqual([]);
});

test('no cookie is read anywhere, so there is nothing for a forged request to ride on', () => {
  const readers = sources.filter((file) =>
    /headers\s*(\.|\[['"])cookie|headers\.get\(['"]cookie|cookieStore|parseCookie/i.test(codeOf(file)),
  );
  expect(readers, 'Credentials come in X-API-Key and Authorization only (decisions.md).').toEqual([]);
});

test('every verb authorises before it does anything', () => {
  const exported = sources.filter((file) => /^src\/resolvers\//.test(file)).flatMap((file) => verbsOf(file));
  const unchecked = exported
    .filter(({ body }) => !/^\s*(\/\/.*\n\s*)*authorize\(/.test(body))
    .map(({ file, name }) => `${file} ${name}`);
  expect(
    unchecked,
    "A verb's first statement is authorize(ctx, ...): so jobs, webhooks and new fields are covered, too.",
  ).toEqual([]);
});

// Verbs are the exported functions that take a context first.
function verbsOf(file: string): { file: string; name: string; body: string }[] {
  return [
    ...textOf(file).matchAll(
      /^export (?:async )?function (\w+)(?:<[^>]*>)?\(\s*(?:ctx|context): Context\b[\s\S]*?\{\n([\s\S]*?)\n\}/gm,
    ),
  ]
    .map((match) => ({ file, name: match[1]!, body: match[2]! }))
    .filter(({ name }) => !HELPERS_OF_VERBS.has(name));
}

/** Exported functions with a context that no request reaches by themselves: their callers have authorised. */
const HELPERS_OF_VERBS: ReadonlySet<string> = new Set([
  'authorOf',
  'realmOf',
  'showSession',
  'announceChange',
  'checkTenantId',
  'invoiceLink',
  'paymentLink',
  'shownBody',
  'loadTenant',
  'viewerUser',
  'catalogueToolsOf',
  'changeCatalogue',
]);
