import { UserRole } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import type { UserRow } from '../loaders.ts';
import { usersByIds } from '../resolvers/viewer.ts';
import { builder } from './builder.ts';
import { Node, registerNode } from './node.ts';

const UserRoleType = builder.enumType('UserRole', {
  values: Object.values(UserRole),
  description: 'A higher role may do what a lower one may.',
});

export const User = builder.objectRef<UserRow>('User').implement({
  description: 'A person in one tenant. The same address in another tenant is another person (TEN-10).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (user) => encodeGlobalId('User', user.id) }),
    email: t.expose('email', { type: 'EmailAddress' }),
    firstName: t.exposeString('firstName', { nullable: true }),
    lastName: t.exposeString('lastName', { nullable: true }),
    role: t.expose('role', { type: UserRoleType }),
    locale: t.expose('locale', { type: 'Locale', nullable: true }),
    emailVerifiedAt: t.expose('emailVerifiedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a link that was sent to the address was followed.',
    }),
    erasedAt: t.expose('erasedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When what was known of the person was taken away; the address is none any more.',
    }),
  }),
});
registerNode('User', authorizedLoad('user.read', usersByIds));
