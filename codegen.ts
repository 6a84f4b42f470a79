import { mkdir, writeFile } from 'node:fs/promises';

import { generate } from '@graphql-codegen/cli';
import { lexicographicSortSchema, printSchema } from 'graphql';

import { schema } from './src/schema/index.ts';

/**
 * What `npm run generate` makes from the graph: `schema.graphql`, and the types of the documents that the tests and the sample portal
 * send. All of it is committed, so that a change of the graph shows in the diff (GQL-1, GQL-6). Nothing is opened for it.
 */
const text = `${printSchema(lexicographicSortSchema(schema))}\n`;
await writeFile(new URL('schema.graphql', import.meta.url), text);

const SCALARS = [
  'DateTime',
  'Date',
  'LocalTime',
  'TimeZone',
  'Decimal',
  'CurrencyCode',
  'CountryCode',
  'Locale',
  'EmailAddress',
  'PhoneNumber',
  'URL',
  'EventCursor',
];
await writeTyped('test/documents', 'test/generated/documents.ts');
await writeTyped('examples/portal/documents', 'examples/portal/src/generated/graphql.ts');

/** @param documents a folder of .graphql files @param target the file with their types, and with the documents themselves, parsed */
async function writeTyped(documents: string, target: string): Promise<void> {
  const folder = target.slice(0, target.lastIndexOf('/') + 1);
  const files: { filename: string; content: string }[] = await generate(
    {
      schema: text,
      documents: [`${documents}/*.graphql`],
      silent: true,
      generates: {
        [folder]: {
          preset: 'client',
          presetConfig: { fragmentMasking: false },
          config: {
            useTypeImports: true,
            enumType: 'string-literal',
            defaultScalarType: 'unknown',
            scalars: Object.fromEntries(SCALARS.map((name) => [name, 'string'])),
          },
        },
      },
    },
    false,
  );
  // The preset's other files import each other without extensions, which Node does not resolve; the documents and their types need none.
  const typed = files.find((file) => file.filename === `${folder}graphql.ts`)?.content;
  if (typed === undefined) throw new Error(`No documents were generated from ${documents}.`);
  await mkdir(new URL(folder, import.meta.url), { recursive: true });
  await writeFile(
    new URL(target, import.meta.url),
    `// Made by codegen.ts from ${documents}.\n${typed.replace('/* eslint-disable */\n', '')}\n`,
  );
}
