import { useEffect, useState } from 'react';
import { useQuery } from 'urql';

import { FreeTimesDocument } from '../generated/graphql.ts';
import { addDays } from '../format.ts';
import { faultOfError } from '../graph/faults.ts';
import { FaultNote } from './FaultNote.tsx';
import { useFormats } from './formatting.ts';
import { WhyNot } from './WhyNot.tsx';

const DAYS_SHOWN = 7;

export function Times({
  productId,
  start,
  asked,
  onChoose,
}: {
  productId: string;
  start: string | null;
  /** Another number: look again at what is free. */
  asked: number;
  onChoose(start: string): void;
}) {
  const formats = useFormats();
  const [today] = useState(() => formats.date(new Date()));
  const [from, setFrom] = useState(today);
  const [{ data, error, fetching }, ask] = useQuery({
    query: FreeTimesDocument,
    variables: { productId, from, to: addDays(from, DAYS_SHOWN - 1) },
    // What is free changes with every other customer.
    requestPolicy: 'cache-and-network',
  });
  useEffect(() => {
    if (asked > 0) ask({ requestPolicy: 'network-only' });
  }, [asked, ask]);
  const days = Map.groupBy(data?.timeSlots ?? [], (slot) => formats.date(slot.start));

  return (
    <section aria-labelledby="times">
      <h2 id="times">Free times</h2>
      <div className="week">
        <button
          type="button"
          className="quiet"
          disabled={from <= today}
          onClick={() => setFrom(addDays(from, -DAYS_SHOWN))}
        >
          Earlier
        </button>
        <p>All times are {formats.zone(`${from}T12:00Z`)}.</p>
        <button type="button" className="quiet" onClick={() => setFrom(addDays(from, DAYS_SHOWN))}>
          Later
        </button>
      </div>
      {error && <FaultNote fault={faultOfError(error)} onRetry={() => ask({ requestPolicy: 'network-only' })} />}
      {fetching && !data && <p role="status">Looking for free times …</p>}
      {data && days.size === 0 && <p role="status">Nothing is free in these days. Look a little later.</p>}
      {[...days].map(([date, slots]) => (
        <div key={date} className="day" role="group" aria-labelledby={`day-${date}`}>
          <h3 id={`day-${date}`}>{formats.day(slots[0]!.start)}</h3>
          {slots.map((slot) => (
            <button
              key={slot.start}
              type="button"
              className="time"
              aria-pressed={slot.start === start}
              onClick={() => onChoose(slot.start)}
            >
              {formats.time(slot.start)}
            </button>
          ))}
        </div>
      ))}
      <WhyNot productId={productId} today={today} onChoose={onChoose} />
    </section>
  );
}
