import { hash } from 'node:crypto';

import { Kind, visit, type DocumentNode } from 'graphql';

import type { Identity } from '../auth.ts';
import type { GraphqlParams, PreparedOperation } from './contract.ts';

/**
 * Subscriptions with equal keys get equal results and are executed once. The key holds document, operation, variables, tenant, rights
 * and, for customers, the person (decisions.md, "Speed without two truths"): leaving one of them out would show somebody another's data.
 * Where each of them resumes from is left out: it says which events one gets, not what is in them.
 */
export function shareKey({ text, document }: PreparedOperation, params: GraphqlParams, identity: Identity): string {
  const { actor, scope } = identity;
  const who = actor.kind === 'CUSTOMER' ? actor.userId : actor.kind === 'PARTNER' ? actor.scopes.toSorted() : null;
  const ignored = cursorVariables(document);
  const variables = Object.entries(params.variables ?? {})
    .filter(([name]) => !ignored.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return hash(
    'sha256',
    JSON.stringify([text, params.operationName ?? null, variables, scope.tenantId, actor.kind, who]),
    'base64url',
  );
}

const known = new WeakMap<DocumentNode, ReadonlySet<string>>();

/** Variables used as an `after` argument of a subscription's root field, and nowhere else. */
function cursorVariables(document: DocumentNode): ReadonlySet<string> {
  let variables = known.get(document);
  if (!variables) {
    variables = findCursorVariables(document);
    known.set(document, variables);
  }
  return variables;
}

function findCursorVariables(document: DocumentNode): Set<string> {
  const uses = new Map<string, number>();
  const cursors = new Set<string>();
  visit(document, {
    VariableDefinition: () => false,
    Variable: (node) => void uses.set(node.name.value, (uses.get(node.name.value) ?? 0) + 1),
  });
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== 'subscription') continue;
    for (const field of definition.selectionSet.selections) {
      if (field.kind !== Kind.FIELD) continue;
      const value = field.arguments?.find((argument) => argument.name.value === 'after')?.value;
      if (value?.kind === Kind.VARIABLE && uses.get(value.name.value) === 1) cursors.add(value.name.value);
    }
  }
  return cursors;
}
