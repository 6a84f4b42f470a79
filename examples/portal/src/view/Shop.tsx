import { useState } from 'react';
import { useQuery } from 'urql';

import { ServicesDocument } from '../generated/graphql.ts';
import { faultOfError } from '../graph/faults.ts';
import type { Session } from '../graph/session.ts';
import { Booking } from './Booking.tsx';
import { FaultNote } from './FaultNote.tsx';
import { Services } from './Services.tsx';
import { Times } from './Times.tsx';

/** From a service to a time to an appointment, on one page. */
export function Shop({ session }: { session: Session }) {
  const [{ data, error, fetching }, ask] = useQuery({ query: ServicesDocument });
  const [chosenId, choose] = useState<string | null>(null);
  const [start, setStart] = useState<string | null>(null);
  // Counts up where times are to be looked at again, because somebody else took one.
  const [asked, setAsked] = useState(0);

  if (error) return <FaultNote fault={faultOfError(error)} onRetry={() => ask({ requestPolicy: 'network-only' })} />;
  const services = (data?.products.nodes ?? []).filter(({ bookable }) => bookable);
  const service = services.find(({ id }) => id === chosenId) ?? services[0];
  if (!service) return <p role="status">{fetching ? 'Looking what there is …' : 'There is nothing to book yet.'}</p>;
  return (
    <div className="shop">
      <div>
        <h1 tabIndex={-1}>Book an appointment</h1>
        <Services
          services={services}
          chosen={service}
          onChoose={(id) => {
            choose(id);
            setStart(null);
          }}
        />
        <Times key={service.id} productId={service.id} start={start} asked={asked} onChoose={setStart} />
      </div>
      <Booking
        service={service}
        start={start}
        session={session}
        onChoose={setStart}
        onTaken={() => setAsked((count) => count + 1)}
      />
    </div>
  );
}
