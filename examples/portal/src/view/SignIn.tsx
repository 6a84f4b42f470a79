import { useState } from 'react';
import { useMutation } from 'urql';

import { LogInDocument, RegisterDocument, type LogInMutation } from '../generated/graphql.ts';
import { faultOfError, faultOfRefusal, type Fault } from '../graph/faults.ts';
import { openSession } from '../graph/session.ts';
import { FaultNote } from './FaultNote.tsx';

/** A new customer, or one who was here before. */
export function SignIn() {
  const [isNew, setNew] = useState(true);
  const [fault, setFault] = useState<Fault | null>(null);
  const [registering, register] = useMutation(RegisterDocument);
  const [logging, logIn] = useMutation(LogInDocument);

  async function enter(form: FormData): Promise<void> {
    const text = (name: string) => String(form.get(name) ?? '').trim();
    // Passwords are taken as they are: blanks may belong to them.
    const input = { email: text('email'), password: String(form.get('password')) };
    const answer = isNew ? await register({ input: { ...input, firstName: text('name') } }) : await logIn({ input });
    if (answer.error) return setFault(faultOfError(answer.error));
    const { session, userErrors } = payloadOf(answer.data!);
    if (session) openSession(session);
    else setFault(faultOfRefusal(userErrors[0]!));
  }

  return (
    <form
      className="sign-in"
      aria-label={isNew ? 'Register' : 'Sign in'}
      onSubmit={(event) => {
        event.preventDefault();
        void enter(new FormData(event.currentTarget));
      }}
    >
      {isNew && (
        <label>
          First name
          <input name="name" autoComplete="given-name" maxLength={100} required />
        </label>
      )}
      <label>
        Email
        <input name="email" type="email" autoComplete="email" required aria-invalid={fault?.field === 'email'} />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete={isNew ? 'new-password' : 'current-password'}
          minLength={isNew ? 8 : 1}
          required
          aria-invalid={fault?.field === 'password'}
        />
      </label>
      {fault && <FaultNote fault={fault} />}
      <button type="submit" className="main" disabled={registering.fetching || logging.fetching}>
        {isNew ? 'Register and go on' : 'Sign in and go on'}
      </button>
      <button
        type="button"
        className="quiet"
        onClick={() => {
          setNew(!isNew);
          setFault(null);
        }}
      >
        {isNew ? 'I have been here before' : 'I am new here'}
      </button>
    </form>
  );
}

type Entered = Pick<LogInMutation['login'], 'session' | 'userErrors'>;

function payloadOf(data: { register: Entered } | { login: Entered }): Entered {
  return 'register' in data ? data.register : data.login;
}
