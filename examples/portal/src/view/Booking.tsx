import { useEffect, useRef } from 'react';

import { BookAppointmentDocument } from '../generated/graphql.ts';
import type { Session } from '../graph/session.ts';
import { go, placeOfOrder } from '../route.ts';
import { Alternatives } from './Alternatives.tsx';
import { FaultNote } from './FaultNote.tsx';
import { useFormats } from './formatting.ts';
import type { Service } from './Services.tsx';
import { SignIn } from './SignIn.tsx';
import { useDeed } from './useDeed.ts';

/** What was chosen, who it is for, and the button. */
export function Booking({
  service,
  start,
  session,
  onChoose,
  onTaken,
}: {
  service: Service;
  start: string | null;
  session: Session;
  onChoose(start: string): void;
  onTaken(): void;
}) {
  const formats = useFormats();
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone it lies below all the times.
    if (start !== null) panel.current?.scrollIntoView({ block: 'nearest' });
  }, [start]);
  const booking = useDeed(BookAppointmentDocument, (data) => data.bookAppointment);
  const { forget } = booking;
  // What was said of one time says nothing of another.
  useEffect(forget, [start, forget]);
  const isRefused = booking.fault !== null && booking.fault.alternatives.length > 0;

  async function book(notes: string): Promise<void> {
    const done = await booking.run({ productId: service.id, start: start!, ...(notes !== '' && { notes }) });
    const orderId = done?.booking?.order?.id;
    if (orderId) go(placeOfOrder(orderId));
    // Refused or unclear: what is free may have changed.
    else onTaken();
  }

  return (
    <aside ref={panel} className="booking" aria-labelledby="yours">
      <h2 id="yours">Your appointment</h2>
      <p className="name">{service.name}</p>
      <p>
        {start === null ? 'Choose a time.' : `${formats.day(start)}, ${formats.time(start)}, ${formats.zone(start)}`}
      </p>
      <p className="amount">{formats.price(service.price)}</p>
      {booking.fault && (
        <>
          <FaultNote fault={booking.fault} />
          {isRefused && <Alternatives times={booking.fault.alternatives} onChoose={onChoose} />}
        </>
      )}
      {start !== null && session.kind === 'in' && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void book(String(new FormData(event.currentTarget).get('notes')).trim());
          }}
        >
          <label>
            Anything we should know?
            <textarea name="notes" rows={2} maxLength={1000} />
          </label>
          <button type="submit" className="main" disabled={booking.running || isRefused}>
            {booking.running ? 'Booking …' : 'Book this time'}
          </button>
        </form>
      )}
      {start !== null && session.kind === 'out' && <SignIn />}
    </aside>
  );
}
