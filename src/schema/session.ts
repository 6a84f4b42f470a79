import { login, logout, refreshSession, register, type ShownSession } from '../resolvers/session.ts';
import { builder } from './builder.ts';
import { runVerb, UserError, type Payload } from './mutation.ts';
import { User } from './user.ts';

const Session = builder.objectRef<ShownSession>('Session').implement({
  description: 'A signed-in person: a short-lived access token, and a refresh token that works once.',
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description: 'A JWT for the Authorization header; its key is published at /.well-known/jwks.json.',
    }),
    refreshToken: t.exposeString('refreshToken', {
      description: 'Trade it for the next pair before the session ends. A second use ends the session.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the access token ends.' }),
    user: t.expose('user', { type: User }),
  }),
});

// A session is shown in the answer that opened it and kept nowhere, so the result of these verbs is only its id.
export const SessionPayload = builder.objectRef<Payload<string>>('SessionPayload').implement({
  fields: (t) => ({
    session: t.field({
      type: Session,
      nullable: true,
      resolve: (payload) => (payload.once?.['session'] as ShownSession | undefined) ?? null,
    }),
    userErrors: t.field({ type: [UserError], resolve: (payload) => [...payload.userErrors] }),
  }),
});

const LogoutPayload = builder.objectRef<Payload<true>>('LogoutPayload').implement({
  fields: (t) => ({
    loggedOut: t.boolean({
      nullable: true,
      description: 'There is no such session any more.',
      resolve: (payload) => payload.result,
    }),
    userErrors: t.field({ type: [UserError], resolve: (payload) => [...payload.userErrors] }),
  }),
});

const IGNORED = 'Accepted and ignored: signing in is never repeated for you.';

const RegisterInput = builder.inputType('RegisterInput', {
  fields: (t) => ({
    email: t.field({ type: 'EmailAddress', required: true }),
    password: t.string({ required: true, description: '8 characters or more.' }),
    firstName: t.string(),
    lastName: t.string(),
    locale: t.field({ type: 'Locale' }),
    idempotencyKey: t.string({ description: IGNORED }),
  }),
});
const LoginInput = builder.inputType('LoginInput', {
  fields: (t) => ({
    email: t.field({ type: 'EmailAddress', required: true }),
    password: t.string({ required: true }),
    idempotencyKey: t.string({ description: IGNORED }),
  }),
});
const RefreshSessionInput = builder.inputType('RefreshSessionInput', {
  fields: (t) => ({ refreshToken: t.string({ required: true }), idempotencyKey: t.string({ description: IGNORED }) }),
});
const LogoutInput = builder.inputType('LogoutInput', {
  fields: (t) => ({ refreshToken: t.string({ required: true }), idempotencyKey: t.string({ description: IGNORED }) }),
});

builder.mutationFields((t) => ({
  register: t.field({
    type: SessionPayload,
    description: "Makes a customer's account in the key's tenant and signs in. [public]",
    args: { input: t.arg({ type: RegisterInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => register(ctx, input),
        async (id) => id,
      ),
  }),
  login: t.field({
    type: SessionPayload,
    description: "Signs in to the key's tenant; without a key, to the platform. [public]",
    args: { input: t.arg({ type: LoginInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => login(ctx, input),
        async (id) => id,
      ),
  }),
  refreshSession: t.field({
    type: SessionPayload,
    description: 'Trades a refresh token for the next pair of tokens. [public]',
    args: { input: t.arg({ type: RefreshSessionInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => refreshSession(ctx, input),
        async (id) => id,
      ),
  }),
  logout: t.field({
    type: LogoutPayload,
    description: 'Ends a session, in every process. [public]',
    args: { input: t.arg({ type: LogoutInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => logout(ctx, input),
        async () => true as const,
      ),
  }),
}));
