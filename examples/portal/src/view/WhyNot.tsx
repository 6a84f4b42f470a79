import { useState } from 'react';
import { useQuery } from 'urql';

import { WhyNotDocument } from '../generated/graphql.ts';
import { faultOfError } from '../graph/faults.ts';
import { Alternatives } from './Alternatives.tsx';
import { FaultNote } from './FaultNote.tsx';
import { useFormats } from './formatting.ts';

/** Another time than those that are shown: whether it can be had, and if not, why. */
export function WhyNot({
  productId,
  today,
  onChoose,
}: {
  productId: string;
  today: string;
  onChoose(start: string): void;
}) {
  const formats = useFormats();
  const [start, setStart] = useState<string | null>(null);
  const [{ data, error, fetching }] = useQuery({
    query: WhyNotDocument,
    variables: { productId, start: start ?? '' },
    pause: start === null,
    requestPolicy: 'network-only',
  });
  const answer = start !== null && !fetching ? data?.whyNot : null;

  return (
    <details className="why-not">
      <summary>Is your time not there?</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const instant = formats.instant(String(form.get('date')), String(form.get('time')));
          setStart(instant?.toISOString() ?? null);
        }}
      >
        <label>
          Day
          <input type="date" name="date" required min={today} defaultValue={today} />
        </label>
        <label>
          Time
          <input type="time" name="time" required defaultValue="09:00" />
        </label>
        <button type="submit">Ask why</button>
      </form>
      <div role="status">
        {fetching && <p>Looking it up …</p>}
        {start !== null && answer && !answer.available && (
          <>
            <p data-rule={answer.rule}>{answer.detail}</p>
            <Alternatives times={answer.alternatives.map((slot) => slot.start)} onChoose={onChoose} />
          </>
        )}
        {start !== null && answer?.available && (
          <p>
            It is free.{' '}
            <button type="button" className="quiet" onClick={() => onChoose(start)}>
              Take {formats.time(start)}
            </button>
          </p>
        )}
      </div>
      {error && <FaultNote fault={faultOfError(error)} />}
    </details>
  );
}
