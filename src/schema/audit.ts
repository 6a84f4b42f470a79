import { encodeGlobalId } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { auditEntriesByIds, auditLog, type AuditEntryRow } from '../resolvers/audit.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { Node, registerNode } from './node.ts';

const AuditEntry = builder.objectRef<AuditEntryRow>('AuditEntry').implement({
  description:
    'A change of configuration, in the chain of its tenant: each entry carries the hash of the one before (PRV-15).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (entry) => encodeGlobalId('AuditEntry', entry.id) }),
    actor: t.exposeString('actor', { description: 'user:, key: or command: with an id; never a name.' }),
    action: t.exposeString('action'),
    target: t.exposeString('target', { description: 'What was changed, as Type:id.' }),
    before: t.field({
      type: 'JSON',
      nullable: true,
      description: 'Secrets are left out.',
      resolve: (entry) => entry.before,
    }),
    after: t.field({ type: 'JSON', nullable: true, resolve: (entry) => entry.after }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime' }),
    hash: t.string({
      description: 'SHA-256, hexadecimal.',
      resolve: (entry) => Buffer.from(entry.hash ?? []).toString('hex'),
    }),
  }),
});
registerNode('AuditEntry', authorizedLoad('audit.read', auditEntriesByIds));

const AuditEntryConnection = connectionType<AuditEntryRow & { cursorAt: string }>('AuditEntry', AuditEntry as never);

builder.queryField('auditLog', (t) =>
  t.field({
    type: AuditEntryConnection,
    description: 'The audit chain of the tenant worked in, newest first. [platformAdmin]',
    args: {
      target: t.arg.string({ description: 'A global id, or Type:id as entries show it.' }),
      ...connectionArgs(t.arg),
    },
    resolve: (_root, { target, ...page }, ctx) => auditLog(ctx, target ?? null, page),
  }),
);
