import { useCallback, useRef, useState } from 'react';
import { useMutation, type TypedDocumentNode } from 'urql';

import type { RefusalFragment } from '../generated/graphql.ts';
import { faultOfError, faultOfRefusal, type Fault } from '../graph/faults.ts';

interface Payload {
  readonly userErrors: readonly RefusalFragment[];
}

export interface Deed<Input, Result> {
  /** @returns what was done; null where it was not, and `fault` says why */
  run(input: Input): Promise<Result | null>;
  readonly running: boolean;
  readonly fault: Fault | null;
  forget(): void;
}

/**
 * A mutation that is done once, however often it is sent. Each attempt has an idempotency key, which is kept while nobody knows what
 * became of it: whoever presses the button again after a lost answer gets the first one's result, and books or pays nothing twice.
 */
export function useDeed<Data, Input extends object, Result extends Payload>(
  document: TypedDocumentNode<Data, { input: Input & { idempotencyKey?: string | null | undefined } }>,
  resultOf: (data: Data) => Result,
): Deed<Input, Result> {
  const [{ fetching }, send] = useMutation(document);
  const [fault, setFault] = useState<Fault | null>(null);
  const attempt = useRef<{ readonly about: string; readonly key: string } | null>(null);

  async function run(input: Input): Promise<Result | null> {
    const about = JSON.stringify(input);
    if (attempt.current?.about !== about) attempt.current = { about, key: crypto.randomUUID() };
    const { data, error } = await send({ input: { ...input, idempotencyKey: attempt.current.key } });
    if (!data) {
      setFault(error ? faultOfError(error) : null);
      return null;
    }
    attempt.current = null;
    const result = resultOf(data);
    const [refusal] = result.userErrors;
    setFault(refusal ? faultOfRefusal(refusal) : null);
    return refusal ? null : result;
  }

  const forget = useCallback(() => setFault(null), []);
  return { run, running: fetching, fault, forget };
}
