import { encodeGlobalId } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import {
  deleteResource,
  listResources,
  resourcesByIds,
  upsertResource,
  type ResourceRow,
} from '../resolvers/resource.ts';
import { builder } from './builder.ts';
import { DeletePayload, payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { Product } from './product.ts';

const Resource = builder.objectRef<ResourceRow>('Resource').implement({
  description: 'Who or what does a service: staff, a room, a chair (TEN-9).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (resource) => encodeGlobalId('Resource', resource.id) }),
    code: t.exposeString('code', { description: "The tenant's own name for it." }),
    name: t.exposeString('name'),
    capacity: t.exposeInt('capacity', { description: 'How many appointments at once.' }),
    active: t.exposeBoolean('active', { description: 'Off: takes no new appointments; what is booked stays.' }),
    services: t.field({
      type: [Product],
      description: 'What it does. A service that names nobody is done by the tenant’s own capacity, by its rules.',
      resolve: async ({ productIds }, _args, ctx) =>
        (await Promise.all(productIds.map((id) => ctx.loaders.product.load(id)))).filter((product) => product !== null),
    }),
  }),
});
registerNode('Resource', authorizedLoad('resource.read', resourcesByIds));

builder.queryField('resources', (t) =>
  t.field({
    type: [Resource],
    description: 'Staff, rooms and chairs of the diary, by their codes; 200 at most. [operator]',
    args: { active: t.arg.boolean({ description: 'Left out: whether they take new appointments or not.' }) },
    resolve: (_root, { active }, ctx) => listResources(ctx, active ?? null),
  }),
);

const UpsertResourceInput = builder.inputType('UpsertResourceInput', {
  description: 'What is left out stays as it is.',
  fields: (t) => ({
    id: t.id({ description: 'Left out: a new one, or one that was deleted and comes back under its code.' }),
    code: t.string({ description: "Unique among the tenant's; needed for a new one." }),
    name: t.string({ description: 'Needed for a new one.' }),
    capacity: t.int({ description: 'How many appointments at once, 1 to 1000; 1 unless told.' }),
    active: t.boolean({ description: 'Takes new appointments; a new one does unless told.' }),
    productIds: t.idList({
      description:
        'The services it does; replaces the list. Where nobody is named for a service any more, it is done by the tenant’s own capacity.',
    }),
    idempotencyKey: t.string(),
  }),
});
const DeleteResourceInput = builder.inputType('DeleteResourceInput', {
  fields: (t) => ({ id: t.id({ required: true }), idempotencyKey: t.string() }),
});
const ResourcePayload = payloadType('ResourcePayload', 'resource', Resource);

builder.mutationFields((t) => ({
  upsertResource: t.field({
    type: ResourcePayload,
    description:
      'Says who or what does which services, and how many at once; what is booked stays where it is. [operator]',
    args: { input: t.arg({ type: UpsertResourceInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => upsertResource(ctx, input),
        async (id) => (await resourcesByIds(ctx, [id]))[0] ?? null,
      ),
  }),
  deleteResource: t.field({
    type: DeletePayload,
    description:
      'Takes somebody or something out of the diary; RESOURCE_IN_USE with details.appointments while any are to come. Services that nobody else does are not offered until somebody is named for them. [operator]',
    args: { input: t.arg({ type: DeleteResourceInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => deleteResource(ctx, input),
        (id) => Promise.resolve(encodeGlobalId('Resource', id)),
      ),
  }),
}));
