import { mkdir, writeFile } from 'node:fs/promises';

import { generate } from '@graphql-codegen/cli';
import { lexicographicSortSchema, printSchema } from 'graphql';

import { schema } from './src/schema/index.ts';

/**
 * What `npm run generate` makes from the graph: `schema.graphql`, and the types of the documents the tests send. Both are committed, so
 * that a change of the graph shows in the diff (GQL-1, GQL-6). Nothing is opened for it.
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
const folder = 'test/generated/';
const files: { filename: string; content: string }[] = await generate(
  {
    schema: text,
    documents: ['test/documents/*.graphql'],
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
const documents = files.find((file) => file.filename === `${folder}graphql.ts`)?.content;
if (documents === undefined) throw new Error('No documents were generated.');
await mkdir(new URL(folder, import.meta.url), { recursive: true });
await writeFile(
  new URL(`${folder}documents.ts`, import.meta.url),
  `// Made by codegen.ts from test/documents.\n${documents.replace('/* eslint-disable */\n', '')}\n`,
);
