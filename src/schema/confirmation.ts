import { requestEmailVerification, verifyEmail } from '../resolvers/email-verification.ts';
import { confirmNewsletter, subscribeNewsletter, unsubscribeNewsletter } from '../resolvers/newsletter.ts';
import { requestPasswordReset, resetPassword } from '../resolvers/password-reset.ts';
import { builder } from './builder.ts';
import { runVerb, UserError, type Payload } from './mutation.ts';
import { SessionPayload } from './session.ts';

/** What is confirmed by a link in a mail: a new password, an address, the newsletter. */

function flagPayload(name: string, field: string, description: string) {
  return builder.objectRef<Payload<true>>(name).implement({
    fields: (t) => ({
      [field]: t.boolean({ nullable: true, description, resolve: (payload) => payload.result }),
      userErrors: t.field({ type: [UserError], resolve: (payload) => [...payload.userErrors] }),
    }),
  });
}

const SENT = 'Accepted. Whether there was anybody to write to is not said.';
const RequestPasswordResetPayload = flagPayload('RequestPasswordResetPayload', 'requested', SENT);
const RequestEmailVerificationPayload = flagPayload(
  'RequestEmailVerificationPayload',
  'requested',
  'The mail is on its way.',
);
const VerifyEmailPayload = flagPayload('VerifyEmailPayload', 'verified', 'The address is its owner’s.');
const SubscribeNewsletterPayload = flagPayload('SubscribeNewsletterPayload', 'requested', SENT);
const ConfirmNewsletterPayload = flagPayload(
  'ConfirmNewsletterPayload',
  'confirmed',
  'The address gets the newsletter.',
);
const UnsubscribeNewsletterPayload = flagPayload(
  'UnsubscribeNewsletterPayload',
  'unsubscribed',
  'The address gets no newsletter.',
);

const IGNORED = 'Accepted and ignored: links work once by themselves, and requests are bounded.';

const RequestPasswordResetInput = builder.inputType('RequestPasswordResetInput', {
  fields: (t) => ({
    email: t.field({ type: 'EmailAddress', required: true }),
    idempotencyKey: t.string({ description: IGNORED }),
  }),
});
const ResetPasswordInput = builder.inputType('ResetPasswordInput', {
  fields: (t) => ({
    token: t.string({ required: true, description: 'Of the link in the mail; it works once, for 30 minutes.' }),
    password: t.string({ required: true, description: '8 characters or more.' }),
    idempotencyKey: t.string({ description: IGNORED }),
  }),
});
const RequestEmailVerificationInput = builder.inputType('RequestEmailVerificationInput', {
  fields: (t) => ({ idempotencyKey: t.string({ description: IGNORED }) }),
});
const tokenInput = (name: string) =>
  builder.inputType(name, {
    fields: (t) => ({
      token: t.string({ required: true, description: 'Of the link in the mail.' }),
      idempotencyKey: t.string({ description: IGNORED }),
    }),
  });
const VerifyEmailInput = tokenInput('VerifyEmailInput');
const ConfirmNewsletterInput = tokenInput('ConfirmNewsletterInput');
const UnsubscribeNewsletterInput = tokenInput('UnsubscribeNewsletterInput');
const SubscribeNewsletterInput = builder.inputType('SubscribeNewsletterInput', {
  fields: (t) => ({
    email: t.field({ type: 'EmailAddress', required: true }),
    locale: t.field({ type: 'Locale' }),
    idempotencyKey: t.string({ description: IGNORED }),
  }),
});

const done = async (): Promise<true> => true;

builder.mutationFields((t) => ({
  requestPasswordReset: t.field({
    type: RequestPasswordResetPayload,
    description: 'Sends a link for a new password; the answer is the same for every address. [public]',
    args: { input: t.arg({ type: RequestPasswordResetInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => requestPasswordReset(ctx, input), done),
  }),
  resetPassword: t.field({
    type: SessionPayload,
    description: 'Sets a new password by such a link, ends all sessions of the account and signs in. [public]',
    args: { input: t.arg({ type: ResetPasswordInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => resetPassword(ctx, input),
        async (id) => id,
      ),
  }),
  requestEmailVerification: t.field({
    type: RequestEmailVerificationPayload,
    description: 'Sends oneself a link that shows that the address is one’s own. [customer]',
    args: { input: t.arg({ type: RequestEmailVerificationInput, required: true }) },
    resolve: (_root, _args, ctx) => runVerb(ctx, () => requestEmailVerification(ctx), done),
  }),
  verifyEmail: t.field({
    type: VerifyEmailPayload,
    description: 'Uses such a link. [public]',
    args: { input: t.arg({ type: VerifyEmailInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => verifyEmail(ctx, input), done),
  }),
  subscribeNewsletter: t.field({
    type: SubscribeNewsletterPayload,
    description: 'Asks an address by mail whether it wants the newsletter. [public]',
    args: { input: t.arg({ type: SubscribeNewsletterInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => subscribeNewsletter(ctx, input), done),
  }),
  confirmNewsletter: t.field({
    type: ConfirmNewsletterPayload,
    description: 'Uses the link of such a mail. [public]',
    args: { input: t.arg({ type: ConfirmNewsletterInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => confirmNewsletter(ctx, input), done),
  }),
  unsubscribeNewsletter: t.field({
    type: UnsubscribeNewsletterPayload,
    description: 'Leaves the newsletter by the link that stands in every mail of it. [public]',
    args: { input: t.arg({ type: UnsubscribeNewsletterInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => unsubscribeNewsletter(ctx, input), done),
  }),
}));
