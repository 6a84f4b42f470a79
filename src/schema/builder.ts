import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';

import type { Context } from '../context.ts';
import type PrismaTypes from '../generated/pothos-types.ts';
import { getDatamodel } from '../generated/pothos-types.ts';
import { prismaOver } from '../prisma.ts';

/**
 * The scalars of the contract: how each reads inside, and what a resolver may give for it. A type and not an interface, because only
 * types have the index signature the builder asks for.
 */
export type Scalars = {
  ID: { Input: string; Output: string };
  DateTime: { Input: Date; Output: Date };
  Date: { Input: string; Output: string };
  LocalTime: { Input: string; Output: string };
  TimeZone: { Input: string; Output: string };
  Decimal: { Input: string; Output: string };
  CurrencyCode: { Input: string; Output: string };
  CountryCode: { Input: string; Output: string };
  Locale: { Input: string; Output: string };
  EmailAddress: { Input: string; Output: string };
  PhoneNumber: { Input: string; Output: string };
  URL: { Input: string; Output: string };
  JSON: { Input: unknown; Output: unknown };
  EventCursor: { Input: string; Output: string };
};

export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  Scalars: Scalars;
  DefaultFieldNullability: false;
  Connection: { totalCount?: never };
}>({
  plugins: [RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  relay: { nodeQueryOptions: false, nodesQueryOptions: false },
  prisma: {
    client: (context) => prismaOver(context.reads),
    dmmf: getDatamodel(),
    exposeDescriptions: false,
    filterConnectionTotalCount: false,
  },
});

builder.queryType({
  description: 'Everything that can be asked. A query reads one snapshot; `extensions.cursor` says where it stands.',
});
builder.mutationType({
  description:
    'Everything that can be done. Each takes one `input` with an optional `idempotencyKey`, and answers with `userErrors`.',
});
builder.subscriptionType({
  description: 'What happens, as it happens. `after` resumes from a cursor: nothing missed, nothing twice.',
});
