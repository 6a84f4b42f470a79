import { GraphQLObjectType, GraphQLSchema, GraphQLString, isScalarType, type GraphQLScalarType } from 'graphql';
import { describe, expect, test } from 'vitest';

import type { Context } from '../../src/context.ts';
import { prepareDocument } from '../../src/graphql/documents.ts';
import { Executor } from '../../src/graphql/execute.ts';
import { schema } from '../../src/schema/index.ts';

const GOOD: Record<string, readonly unknown[]> = {
  DateTime: ['2026-11-01T10:15:30Z', '2026-11-01T10:15:30.123+02:00'],
  Date: ['2026-11-01', '2028-02-29'],
  TimeZone: ['Africa/Cairo', 'UTC'],
  Decimal: ['0', '-12.50', '999999999999999999.12345678'],
  CurrencyCode: ['EGP', 'KWD', 'JPY'],
  CountryCode: ['EG'],
  Locale: ['ar', 'ar-EG', 'zh-Hant-TW'],
  EmailAddress: ['a@b.example', 'first.last+tag@sub.domain.example'],
  PhoneNumber: ['+201001234567'],
  URL: ['https://shop.example', 'http://localhost:3000/back?x=1#y'],
  LocalTime: ['00:00', '09:30', '24:00'],
  EventCursor: ['AbC_-1'],
  JSON: [{ a: [1, 'x', null] }, 'text', 7, null],
};

const BAD: Record<string, readonly unknown[]> = {
  DateTime: ['2026-11-01', '2026-02-30T00:00:00Z', '2026-11-01T10:15:30', 1_700_000_000, 'x'.repeat(1_000), {}],
  Date: ['2026-02-29', '2026-13-01', '2026-1-1', '2026-11-01T00:00:00Z'],
  LocalTime: ['9:00', '24:01', '25:00', '09:60', '09:00:00', '', 9],
  TimeZone: ['Mars/Olympus', '', 7],
  Decimal: [12.5, 12, '1e3', '01', '.5', '1.', '1,000.00', 'NaN', '9'.repeat(40), ''],
  CurrencyCode: ['egp', 'XXXX', 'ZZZ', 1],
  CountryCode: ['eg', 'EGY', 'ZZ'],
  Locale: ['', 'not a locale', 'x'.repeat(100)],
  EmailAddress: ['nobody', 'a@', '@b', `${'a'.repeat(250)}@b.example`, 'a b@c.example'],
  PhoneNumber: ['01001234567', '+0100', 'call me'],
  URL: [
    'javascript:alert(1)',
    'data:text/html,x',
    'ftp://x.example',
    '/relative',
    'https://',
    `https://x.example/${'a'.repeat(3_000)}`,
  ],
  EventCursor: ['x'.repeat(513), 7],
};

const scalars = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLScalarType => isScalarType(type) && type.name in GOOD,
);

/** A graph with one field that says what its argument became. */
function echoOf(scalar: GraphQLScalarType): GraphQLSchema {
  const resolve = (_root: unknown, { value }: { value?: unknown }) =>
    JSON.stringify({ is: value instanceof Date ? 'a date' : typeof value, value });
  return new GraphQLSchema({
    query: new GraphQLObjectType({
      name: 'Query',
      fields: { echo: { type: GraphQLString, args: { value: { type: scalar } }, resolve } },
    }),
  });
}

function literal(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${name}: ${literal(inner)}`)
    .join(', ')} }`;
}

function echo(scalar: GraphQLScalarType, text: string, variables: Record<string, unknown>, compiled: boolean): unknown {
  const target = echoOf(scalar);
  const prepared = prepareDocument(target, text);
  if (prepared.errors.length > 0) return 'refused';
  const operation = prepared.operations[0]!;
  operation.runs = 5;
  const result = new Executor(target, compiled).run(prepared, operation, variables, {} as Context);
  if (result instanceof Promise) throw new Error('Echoing needs no waiting.');
  return result.errors ? 'refused' : result.data?.['echo'];
}

test('every scalar of the graph is tried here', () => {
  const own = Object.values(schema.getTypeMap()).filter(
    (type) => isScalarType(type) && !['ID', 'Int', 'Float', 'String', 'Boolean'].includes(type.name),
  );
  expect(own.map((type) => type.name).filter((name) => !(name in GOOD))).toEqual([]);
});

describe.each(scalars.map((scalar) => [scalar.name, scalar] as const))('%s', (name, scalar) => {
  const ways = (value: unknown) => [
    echo(scalar, `{ echo(value: ${literal(value)}) }`, {}, false),
    echo(scalar, `{ echo(value: ${literal(value)}) }`, {}, true),
    echo(scalar, `query ($value: ${name}) { echo(value: $value) }`, { value }, false),
    echo(scalar, `query ($value: ${name}) { echo(value: $value) }`, { value }, true),
    echo(scalar, `query ($value: ${name} = ${literal(value)}) { echo(value: $value) }`, {}, true),
  ];

  test.each(GOOD[name]!.map((value) => [value]))(
    '%j means the same as a literal, as a variable and as a default, compiled or not',
    (value) => {
      const [first, ...others] = ways(value);
      expect(first).not.toBe('refused');
      for (const other of others) expect(other).toBe(first);
    },
  );

  test.each((BAD[name] ?? []).map((value) => [value]))('%j is refused every way', (value) => {
    expect(new Set(ways(value))).toEqual(new Set(['refused']));
  });
});

test('a variable inside of a literal is seen by a scalar that takes objects', () => {
  const json = scalars.find((scalar) => scalar.name === 'JSON')!;
  for (const compiled of [false, true]) {
    expect(
      echo(json, 'query ($value: String) { echo(value: { a: $value, b: [$value] }) }', { value: 'x' }, compiled),
    ).toBe('{"is":"object","value":{"a":"x","b":["x"]}}');
  }
});

test('a refusal does not repeat what was sent', () => {
  const email = scalars.find((scalar) => scalar.name === 'EmailAddress')!;
  const prepared = prepareDocument(echoOf(email), '{ echo(value: "somebody private") }');
  expect(prepared.errors.map((error) => error.message).join()).not.toContain('private');
});
