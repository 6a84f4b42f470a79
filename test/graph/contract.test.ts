import { readFileSync } from 'node:fs';

import {
  BreakingChangeType,
  buildSchema,
  findSchemaChanges,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isRequiredInputField,
  isObjectType,
  Kind,
  lexicographicSortSchema,
  parse,
  print,
  printSchema,
  type GraphQLArgument,
  type GraphQLInputField,
  type InputValueDefinitionNode,
} from 'graphql';
import { expect, test } from 'vitest';

import { schema } from '../../src/schema/index.ts';

const root = new URL('../../', import.meta.url);
const committed = readFileSync(new URL('schema.graphql', root), 'utf8');
const contract = parse(readFileSync(new URL('test/graph/contract.graphql', root), 'utf8'));
const types = schema.getTypeMap();

test('the committed schema.graphql is the graph (npm run generate)', () => {
  expect(`${printSchema(lexicographicSortSchema(schema))}\n`).toBe(committed);
});

test('the graph breaks nothing of the committed one', () => {
  const breaking = new Set<string>(Object.values(BreakingChangeType));
  const changes = findSchemaChanges(buildSchema(committed), schema);
  expect(changes.filter((change) => breaking.has(change.type))).toEqual([]);
});

function inputFaults(
  where: string,
  wanted: readonly InputValueDefinitionNode[],
  given: readonly (GraphQLArgument | GraphQLInputField)[],
): string[] {
  const missing = wanted.flatMap((each) => {
    const ours = given.find((one) => one.name === each.name.value);
    return ours && String(ours.type) === print(each.type)
      ? []
      : [`${where}.${each.name.value}: ${print(each.type)} wanted, ${String(ours?.type)} found`];
  });
  // A value that others do not know of must never be required of them.
  const demanded = given.filter(
    (one) => isRequiredInputField(one as GraphQLInputField) && !wanted.some((each) => each.name.value === one.name),
  );
  return [...missing, ...demanded.map((one) => `${where}.${one.name} is required beyond the contract`)];
}

test('every name of the contract is there, with its type', () => {
  const faults = contract.definitions.flatMap((definition): string[] => {
    if (!('name' in definition) || !definition.name) return [];
    const name = definition.name.value;
    const ours = types[name];
    if (!ours) return [`${name} is missing`];
    if (definition.kind === Kind.ENUM_TYPE_DEFINITION) {
      const values = isEnumType(ours) ? ours.getValues().map((value) => value.name) : [];
      const missing = (definition.values ?? []).filter((value) => !values.includes(value.name.value));
      return missing.map((value) => `${name}.${value.name.value} is missing`);
    }
    if (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
      if (!isInputObjectType(ours)) return [`${name} is no input`];
      return inputFaults(name, definition.fields ?? [], Object.values(ours.getFields()));
    }
    if (definition.kind !== Kind.INTERFACE_TYPE_DEFINITION && definition.kind !== Kind.OBJECT_TYPE_DEFINITION)
      return [];
    return (definition.fields ?? []).flatMap((field) => {
      const found = 'getFields' in ours ? ours.getFields()[field.name.value] : undefined;
      if (!found || String(found.type) !== print(field.type)) {
        return [`${name}.${field.name.value}: ${print(field.type)} wanted, ${String(found?.type)} found`];
      }
      return 'args' in found ? inputFaults(`${name}.${field.name.value}`, field.arguments ?? [], found.args) : [];
    });
  });
  expect(faults).toEqual([]);
});

test('every mutation takes one input with an optional idempotencyKey and answers with userErrors', () => {
  for (const mutation of Object.values(schema.getMutationType()!.getFields())) {
    expect(
      mutation.args.map((arg) => arg.name),
      mutation.name,
    ).toEqual(['input']);
    const input = getNamedType(mutation.args[0]!.type);
    expect(isInputObjectType(input) && String(input.getFields()['idempotencyKey']?.type), mutation.name).toBe('String');
    const payload = getNamedType(mutation.type);
    expect(isObjectType(payload) && String(payload.getFields()['userErrors']?.type), mutation.name).toBe(
      '[UserError!]!',
    );
  }
});

test('every list that can grow is a Relay connection', () => {
  const connections = Object.values(types).filter((type) => type.name.endsWith('Connection'));
  expect(connections.length).toBeGreaterThan(0);
  for (const connection of connections) {
    const fields = isObjectType(connection) ? connection.getFields() : {};
    expect(String(fields['pageInfo']?.type), connection.name).toBe('PageInfo!');
    const edge = getNamedType(fields['edges']!.type);
    expect(
      isObjectType(edge) && [String(edge.getFields()['cursor']?.type), edge.getFields()['node'] !== undefined],
      connection.name,
    ).toEqual(['String!', true]);
  }
});

test('every type, every root field and every scalar is described', () => {
  const own = Object.values(types).filter(
    (type) => !type.name.startsWith('__') && !['ID', 'Int', 'Float', 'String', 'Boolean'].includes(type.name),
  );
  const undescribed = own
    .filter((type) => !type.description && !/(Connection|Edge|Payload|Input)$/.test(type.name))
    .map((type) => type.name);
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
    Object.values(type!.getFields()),
  );
  expect([...undescribed, ...roots.filter((field) => !field.description).map((field) => field.name)]).toEqual([]);
});
