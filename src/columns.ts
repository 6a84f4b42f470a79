import { getDatamodel } from './generated/pothos-types.ts';

interface FieldFacts {
  readonly name: string;
  readonly kind: string;
}

const models = (getDatamodel() as unknown as { datamodel: { models: Record<string, { fields: FieldFacts[] }> } })
  .datamodel.models;

/**
 * The select list that gives a table's row in the shape of its Prisma model (camelCase names), so that hand-written SQL and Prisma give
 * the same objects.
 * @param except fields left out, such as hashes nobody may show.
 */
export function columns(model: string, alias: string, except: readonly string[] = []): string {
  const facts = models[model];
  if (!facts) throw new Error(`No model ${model}`);
  return facts.fields
    .filter((field) => field.kind !== 'object' && !except.includes(field.name))
    .map((field) => `${alias}.${columnOf(field.name)} as "${field.name}"`)
    .join(', ');
}

// Every @map in prisma/schema.prisma follows this one rule; test/graph/columns.test.ts holds it.
function columnOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
