import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';

/** Documents made from the schema itself: every root field and every id argument, so that a new one is probed without a thought. */

const DEPTH = 3;

/** Everything of a type that needs no argument, a few levels down. */
export function selectionOf(schema: GraphQLSchema, type: GraphQLOutputType, depth = DEPTH, onlyType?: string): string {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  if (isInterfaceType(named)) {
    // One type at a time: fields of two types may bear one name and still not merge.
    const kinds = schema.getPossibleTypes(named).filter((kind) => kind.name === onlyType);
    return `{ __typename id ${kinds.map((kind) => `... on ${kind.name} ${selectionOf(schema, kind, depth)}`).join(' ')} }`;
  }
  if (!isObjectType(named)) return '{ __typename }';
  const fields = Object.values(named.getFields()).filter((field) =>
    field.args.every((argument) => !isNonNullType(argument.type)),
  );
  const parts = fields.flatMap((field) => {
    const inner = getNamedType(field.type);
    if (isLeafType(inner)) return [field.name];
    return depth > 1 ? [`${field.name} ${selectionOf(schema, field.type, depth - 1)}`] : [];
  });
  return `{ __typename ${parts.join(' ')} }`.replaceAll(/\b(\w+) (\{[^{}]*\})/g, '$1 $2');
}

/** An id somewhere in a field's arguments: `id`, or `input.orderId`. */
export interface IdPlace {
  readonly path: readonly string[];
  readonly name: string;
}

export function idPlaces(field: GraphQLField<unknown, unknown>): IdPlace[] {
  return field.args.flatMap((argument) => placesIn(argument.type, [argument.name]));
}

function placesIn(type: GraphQLInputType, path: readonly string[]): IdPlace[] {
  const named = getNamedType(type);
  if (isInputObjectType(named))
    return Object.values(named.getFields()).flatMap((field) => placesIn(field.type, [...path, field.name]));
  return named.name === 'ID' ? [{ path, name: path.at(-1)! }] : [];
}

export interface Arguments {
  readonly [name: string]: unknown;
}

/** Arguments that are right in form: required ones with harmless values, ids by `idFor`. */
export function argumentsOf(
  args: readonly GraphQLArgument[],
  valueFor: (name: string, path: readonly string[]) => unknown,
): Arguments {
  return Object.fromEntries(args.flatMap((argument) => fill(argument.name, argument.type, [argument.name], valueFor)));
}

function fill(
  name: string,
  type: GraphQLInputType,
  path: readonly string[],
  valueFor: (name: string, path: readonly string[]) => unknown,
): [string, unknown][] {
  const given = valueFor(name, path);
  if (given !== undefined) return [[name, given]];
  const named = getNamedType(type);
  if (isInputObjectType(named) && (isNonNullType(type) || name === 'input')) {
    const inner = Object.fromEntries(
      Object.values(named.getFields()).flatMap((field) =>
        fill(field.name, field.type, [...path, field.name], valueFor),
      ),
    );
    return [[name, isListType(isNonNullType(type) ? type.ofType : type) ? [inner] : inner]];
  }
  if (!isNonNullType(type)) return [];
  const value = harmless(named.name, isEnumType(named) ? named.getValues()[0]!.name : undefined);
  return [[name, isListType(type.ofType) ? [value] : value]];
}

function harmless(typeName: string, enumValue: string | undefined): unknown {
  if (enumValue !== undefined) return enumValue;
  const values: Record<string, unknown> = {
    Int: 1,
    Boolean: true,
    Decimal: '1.00',
    String: 'x',
    Locale: 'en',
    EmailAddress: 'nobody@nowhere.example',
    CurrencyCode: 'EGP',
    CountryCode: 'EG',
    PhoneNumber: '+201001234567',
    URL: 'https://demo.example/',
    Date: '2026-01-01',
    DateTime: '2030-01-01T00:00:00Z',
    LocalTime: '09:00',
    TimeZone: 'UTC',
  };
  if (!(typeName in values)) throw new Error(`Say what a harmless ${typeName} is.`);
  return values[typeName];
}

export interface Wanted {
  readonly kind: 'query' | 'mutation';
  readonly field: GraphQLField<unknown, unknown>;
  readonly args: Arguments;
  /** For a field of an interface: the type whose fields are asked for. */
  readonly onlyType?: string | undefined;
}

/** A document of one root field with its arguments as variables. */
export function documentOf(
  schema: GraphQLSchema,
  { kind, field, args, onlyType }: Wanted,
  depth = DEPTH,
): { query: string; variables: Arguments } {
  const used = field.args.filter((argument) => argument.name in args);
  const declared = used.map((argument) => `$${argument.name}: ${String(argument.type)}`).join(', ');
  const passed = used.map((argument) => `${argument.name}: $${argument.name}`).join(', ');
  const head = declared === '' ? kind : `${kind} (${declared})`;
  return {
    query: `${head} { ${field.name}${passed === '' ? '' : `(${passed})`} ${selectionOf(schema, field.type, depth, onlyType)} }`,
    variables: args,
  };
}
