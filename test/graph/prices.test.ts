import { print, type DocumentNode } from 'graphql';
import { expect, test } from 'vitest';

import { costOfDocument, prepareDocument } from '../../src/graphql/documents.ts';
import { isCompilable } from '../../src/graphql/compile.ts';
import { schema } from '../../src/schema/index.ts';
import * as generated from '../generated/documents.ts';

const documents: Readonly<Record<string, DocumentNode>> = { ...generated };

/** What the shop's own operations cost. A change that raises one of them fails here (BEY-10). */
const PRICES: Record<string, number> = {
  Viewer: 1,
  LatestOrders: 8,
  OneOrder: 1,
  CreateOrder: 1,
  Purse: 1,
  RedeemPoints: 1,
  Budget: 1,
};

test.each(Object.entries(PRICES))('%s costs at most %i points', (name, points) => {
  const text = print(documents[`${name}Document`]!);
  expect(costOfDocument(schema, text).requested).toBeLessThanOrEqual(points);
});

test('every one of them has a price here', () => {
  const names = Object.keys(documents).filter((name) => name.endsWith('Document'));
  expect(names.map((name) => name.replace('Document', '')).toSorted()).toEqual(Object.keys(PRICES).toSorted());
});

test('the queries of the bench are compiled', () => {
  for (const document of [generated.LatestOrdersDocument, generated.OneOrderDocument]) {
    const prepared = prepareDocument(schema, print(document));
    expect(isCompilable(schema, prepared.document!, prepared.operations[0]!.node)).toBe(true);
  }
});
