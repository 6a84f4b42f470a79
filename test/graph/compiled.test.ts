import {
  buildSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type ExecutionResult,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Context } from '../../src/context.ts';
import { AppError } from '../../src/errors.ts';
import { CompiledOperations, isCompilable } from '../../src/graphql/compile.ts';
import { prepareDocument } from '../../src/graphql/documents.ts';
import { Executor, isRequestError } from '../../src/graphql/execute.ts';
import { executionError, requestError } from '../../src/graphql/mask.ts';
import { createContext } from '../../src/request.ts';
import { schema } from '../../src/schema/index.ts';
import { createWorld, identify, mutate, signIn, type Credentials, type World } from '../auth/world.ts';

type Variables = Readonly<Record<string, unknown>>;
type Parsed = ReturnType<typeof JSON.parse>;
type Opened = () => { ctx: Context; end: () => void };

/**
 * The answer of one way of executing, as a client would see it. Where several errors make the same place null, one of them is enough
 * (GraphQL, "Handling Execution Errors"), and which one and in what order is nobody's promise.
 */
async function answerOf(
  executor: Executor,
  target: GraphQLSchema,
  text: string,
  variables: Variables,
  context: Opened,
  run: number,
): Promise<unknown> {
  const prepared = prepareDocument(target, text);
  if (prepared.errors.length > 0) throw new Error(`${text}: ${prepared.errors[0]!.message}`);
  const operation = prepared.operations[0]!;
  operation.runs = run - 1;
  const { ctx, end } = context();
  try {
    const result: ExecutionResult = await executor.run(prepared, operation, variables, ctx);
    const log = () => ({ info: () => undefined, error: () => undefined }) as never;
    if (isRequestError(result))
      return { errors: result.errors.map((error) => JSON.parse(JSON.stringify(requestError(error)))) };
    const data = JSON.parse(JSON.stringify(result.data));
    const errors = Map.groupBy(result.errors ?? [], (error) => nullAt(data, error.path ?? []));
    const shown = [...errors].map(([place, [error]]) => ({
      place,
      code: executionError(error!, log, 'id').extensions.code,
    }));
    return { data, errors: shown.toSorted((a, b) => (a.place < b.place ? -1 : 1)) };
  } finally {
    end();
  }
}

/** Where an error's path ends in null. */
function nullAt(data: unknown, path: readonly (string | number)[]): string {
  let value = data as Parsed;
  const steps = path.findIndex((step) => value === null || ((value = value[step]), false));
  return path.slice(0, steps < 0 ? path.length : steps).join('.');
}

async function expectSame(
  target: GraphQLSchema,
  text: string,
  variables: Variables = {},
  context: Opened = nowhere,
): Promise<void> {
  const standard = await answerOf(new Executor(target, false), target, text, variables, context, 3);
  const compiled = await answerOf(new Executor(target, true), target, text, variables, context, 3);
  expect({ text, answer: compiled }).toEqual({ text, answer: standard });
}

function nowhere() {
  return { ctx: {} as Context, end: () => undefined };
}

function compiles(target: GraphQLSchema, text: string): boolean {
  const prepared = prepareDocument(target, text);
  const operation = prepared.operations[0]!;
  operation.runs = 2;
  return new CompiledOperations(target).queryOf(prepared, operation) !== null;
}

describe('every corner of execution is the same compiled', () => {
  const corners = buildSchema(`
    enum Colour { RED BLUE }
    interface Thing { id: ID! name: String }
    type Box implements Thing { id: ID! name: String inner: Box broken: String! colours: [Colour!]! }
    type Bag implements Thing { id: ID! name: String weight: Float! things: [Thing!] }
    input Filter { colour: Colour size: Int = 3 names: [String!] }
    type Query {
      box: Box!
      boxes(first: Int = 2): [Box!]!
      sparse: [Box]!
      thing(kind: String!): Thing
      things: [Thing!]!
      echo(text: String, number: Int = 7, colour: Colour, filter: Filter, flag: Boolean! = true, id: ID): String
      sync: String
      fails: String
      failsHard: String!
      failsLate: String
      wrongEnum: Colour
      wrongInt: Int
      notAList: [String]
    }
  `);
  const box = (id: string) => ({ id, name: `Box ${id}`, colours: ['RED', 'BLUE'], __typename: 'Box' });
  const bag = (id: string) => ({ id, name: null, weight: 1.5, things: [box('a'), box('b')], __typename: 'Bag' });
  const resolvers: Record<string, (root: unknown, args: Parsed) => unknown> = {
    box: () => Promise.resolve({ ...box('1'), inner: { ...box('2'), inner: null } }),
    boxes: async (_root, { first }) => Array.from({ length: first }, (_, index) => box(String(index))),
    sparse: () => [box('1'), null, Promise.resolve(box('3')), Promise.reject(new AppError('NOT_FOUND', 'Gone.'))],
    thing: (_root, { kind }) =>
      kind === 'box' ? box('1') : kind === 'bag' ? bag('1') : kind === 'odd' ? { __typename: 'Nothing' } : null,
    things: () => [box('1'), bag('2')],
    echo: (_root, args) => JSON.stringify(Object.entries(args).toSorted(([one], [other]) => (one < other ? -1 : 1))),
    sync: () => 'now',
    fails: () => {
      throw new AppError('FORBIDDEN', 'You may not.', { details: { why: 'test' } });
    },
    failsHard: async () => {
      throw new AppError('OVERLOADED', 'Busy.');
    },
    failsLate: () => new Promise((_resolve, reject) => setImmediate(() => reject(new Error('a secret')))),
    wrongEnum: () => 'GREEN',
    wrongInt: () => 'seven',
    notAList: () => 'text',
  };
  for (const [name, resolve] of Object.entries(resolvers)) corners.getQueryType()!.getFields()[name]!.resolve = resolve;
  // As a schema made by code has them.
  for (const [name, value] of [
    ['number', 7],
    ['flag', true],
    ['first', 2],
  ] as const) {
    const arg = Object.values(corners.getQueryType()!.getFields())
      .flatMap((field) => field.args)
      .find((each) => each.name === name)!;
    Object.assign(arg, { default: undefined, defaultValue: value });
  }
  Object.assign((corners.getType('Filter') as GraphQLInputObjectType).getFields()['size']!, {
    default: undefined,
    defaultValue: 3,
  });
  (corners.getType('Box') as GraphQLObjectType).getFields()['broken']!.resolve = () => {
    throw new Error('broken');
  };

  test.each([
    ['{ box { id name inner { id inner { id } } colours } sync }'],
    ['{ boxes { id } sparse { id name } }'],
    ['{ box { id broken } sync }'],
    ['{ boxes { id broken } }'],
    ['{ sparse { id broken } }'],
    ['{ fails sync }'],
    ['{ failsHard sync }'],
    ['{ failsLate sync box { id } }'],
    ['{ wrongEnum wrongInt notAList }'],
    [
      '{ things { id name __typename ... on Bag { weight things { id ... on Box { colours } } } ... on Box { inner { id } } } }',
    ],
    [
      'query { first: box { ...B } second: box { ...B name } } fragment B on Box { id inner { ...C } } fragment C on Box { id name }',
    ],
    ['{ box { id } box { name } ... { box { colours } } }'],
    ['{ echo }'],
    ['{ echo(number: 1, flag: false, colour: BLUE) }'],
    ['{ echo(number: null) }'],
    ['{ __typename box { __typename } }'],
  ])('%s', async (text) => {
    expect(compiles(corners, text)).toBe(true);
    await expectSame(corners, text);
  });

  test.each<[string, Variables]>([
    ['query ($kind: String!) { thing(kind: $kind) { id name } }', { kind: 'box' }],
    ['query ($kind: String!) { thing(kind: $kind) { id ... on Bag { weight } } }', { kind: 'bag' }],
    ['query ($kind: String!) { thing(kind: $kind) { id } }', { kind: 'odd' }],
    ['query ($kind: String!) { thing(kind: $kind) { id } }', {}],
    ['query ($kind: String!) { thing(kind: $kind) { id } }', { kind: null }],
    ['query ($kind: String!) { thing(kind: $kind) { id } }', { kind: { nested: true } }],
    ['query ($first: Int) { boxes(first: $first) { id } }', {}],
    ['query ($first: Int = 1) { boxes(first: $first) { id } }', {}],
    ['query ($first: Int = 1) { boxes(first: $first) { id } }', { first: 3 }],
    [
      'query ($number: Int, $text: String) { echo(number: $number, text: $text) }',
      { text: '"};process.exit(1);//`${1}`' },
    ],
    ['query ($number: Int) { echo(number: $number) }', { number: null }],
    ['query ($number: Int) { echo(number: $number) }', { number: 2 ** 40 }],
    ['query ($flag: Boolean = false) { echo(flag: $flag) }', { flag: null }],
    ['query ($flag: Boolean = false) { echo(flag: $flag) }', {}],
    ['query ($colour: Colour = RED) { echo(colour: $colour) }', {}],
    ['query ($colour: Colour) { echo(colour: $colour) }', { colour: 'GREEN' }],
    ['query ($filter: Filter) { echo(filter: $filter) }', { filter: { colour: 'RED' } }],
    ['query ($filter: Filter) { echo(filter: $filter) }', { filter: { size: null, names: 'one' } }],
    ['query ($filter: Filter) { echo(filter: $filter) }', { filter: { unknown: 1 } }],
    ['query ($filter: Filter) { echo(filter: $filter) }', { filter: 'text' }],
    ['query ($id: ID) { echo(id: $id) }', { id: 12 }],
    ['query ($id: ID) { echo(id: $id) }', { id: 'x', extra: true }],
  ])('%s with %j', async (text, variables) => {
    expect(compiles(corners, text)).toBe(true);
    await expectSame(corners, text, variables);
  });

  test.each([
    ['text literals', '{ echo(text: "x") }'],
    [
      'the text that makes the generator paste code',
      '{ echo(text: "__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74dprocess.exit(1)") }',
    ],
    ['variables in literals', 'query ($size: Int) { echo(filter: { size: $size }) }'],
    ['directives', 'query ($yes: Boolean!) { sync @include(if: $yes) }'],
    ['aliases that look like paths', '{ box_id: sync }'],
    ['variables that every object has', 'query ($constructor: Int) { echo(number: $constructor) }'],
    ['variables that are no property', 'query ($__proto__: Int) { echo(number: $__proto__) }'],
    ['aliases that are no property', '{ __proto__: sync }'],
    ['mutations and subscriptions', 'query Q($filter: Filter = { size: 1 }) { echo(filter: $filter) }'],
  ])('%s are left to the standard executor', (_what, text) => {
    expect(compiles(corners, text)).toBe(false);
  });

  test('nothing that a caller writes as text becomes code', () => {
    expect(isCompilable(corners, parse('{ echo(id: "1") }'), parse('{ sync }').definitions[0] as never)).toBe(false);
  });

  test('compilation begins with the third run', () => {
    const prepared = prepareDocument(corners, '{ sync }');
    const compiled = new CompiledOperations(corners);
    const runs = [1, 2, 3, 4].map(() => compiled.queryOf(prepared, prepared.operations[0]!) !== null);
    expect(runs).toEqual([false, false, true, true]);
  });
});

describe('every root field of the graph answers the same compiled', () => {
  let world: World;
  const callers: Record<string, Credentials> = {};
  const ids: string[] = [];

  beforeAll(async () => {
    world = await createWorld();
    const tenant = await world.tenant('compiled');
    const key = tenant.portalKey;
    const customer = await world.person(tenant.id, 'CUSTOMER');
    const admin = await world.person(tenant.id, 'TENANT_ADMIN');
    callers['nobody'] = {};
    callers['portal'] = { key };
    callers['customer'] = { key, token: (await signIn(world.app, { key }, customer.email)).accessToken };
    callers['admin'] = { key, token: (await signIn(world.app, { key }, admin.email)).accessToken };
    for (const quantity of [1, 2]) {
      const items = [{ description: [{ locale: 'en', text: `Item ${quantity}` }], quantity, unitPrice: '10.00' }];
      const payload = await mutate(
        world.app,
        callers['admin'],
        'createOrder',
        { type: 'MANUAL_INVOICE', customerId: globalUser(customer.id), items },
        'order { id }',
      );
      ids.push(payload.order.id);
    }
    ids.push(globalUser(customer.id), 'bm90aGluZw');
  });

  afterAll(() => world.close());

  const globalUser = (id: string) => Buffer.from(`User:${id}`).toString('base64url');

  test.each(Object.keys(schema.getQueryType()!.getFields()))('%s', async (name) => {
    const field = schema.getQueryType()!.getFields()[name]!;
    const { texts, variablesList } = documentsFor(field, ids);
    for (const [caller, credentials] of Object.entries(callers)) {
      const identity = await identify(world.app, credentials);
      const open = () => {
        const spending = { limit: 1, cost: 1, remaining: 0, resetAt: new Date(0) };
        const ctx = createContext(world.app, identity, caller, spending);
        return { ctx, end: () => ctx.reads.end() };
      };
      for (const text of texts) for (const variables of variablesList) await expectSame(schema, text, variables, open);
    }
  });
});

const DEPTH = 3;

/** Asks for everything below a root field, with its arguments as variables; once per type where it may be of several. */
function documentsFor(
  field: GraphQLField<unknown, unknown>,
  ids: readonly string[],
): { texts: string[]; variablesList: Variables[] } {
  const definitions = field.args.map((arg) => `$${arg.name}: ${String(arg.type)}`);
  const uses = field.args.map((arg) => `${arg.name}: $${arg.name}`);
  const [given, used] = [definitions, uses].map((parts) => (parts.length > 0 ? `(${parts.join(', ')})` : ''));
  const type = getNamedType(field.type);
  const kinds = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
  const texts = kinds.map(
    (kind) => `query ${given} { ${field.name}${used} { __typename ... on ${kind.name} ${selectionOf(kind, DEPTH)} } }`,
  );
  const some = field.args.some((arg) => getNamedType(arg.type).name === 'ID') ? ids : [''];
  const variablesList = some.map((id) => Object.fromEntries(field.args.flatMap((arg) => valueFor(arg, id))));
  return { texts, variablesList };
}

function valueFor({ name, type }: GraphQLArgument, id: string): [string, unknown][] {
  const named = getNamedType(type);
  const plain = isNonNullType(type) ? type.ofType : type;
  if (named.name === 'ID') return [[name, isListType(plain) ? [id, id] : id]];
  if (name === 'first') return [[name, 2]];
  if (!isNonNullType(type)) return [];
  if (isEnumType(named)) return [[name, named.getValues()[0]!.name]];
  return [[name, name === 'document' ? '{ __typename }' : 'text']];
}

function selectionOf(type: GraphQLNamedType, depth: number): string {
  if (!isObjectType(type)) return '{ __typename }';
  const fields = Object.values(type.getFields()).filter((field) => field.args.every((arg) => !isNonNullType(arg.type)));
  const parts = fields.flatMap((field) => {
    const named = getNamedType(field.type);
    if (!isCompositeType(named)) return [field.name];
    return depth > 1 ? [`${field.name} ${selectionOf(named, depth - 1)}`] : [];
  });
  return `{ __typename ${parts.join(' ')} }`;
}
