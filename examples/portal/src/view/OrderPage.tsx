import { useState, useSyncExternalStore } from 'react';

import type { OrderShownFragment } from '../generated/graphql.ts';
import { isConnected, watchConnection } from '../graph/live.ts';
import type { Session } from '../graph/session.ts';
import { FaultNote } from './FaultNote.tsx';
import { useFormats } from './formatting.ts';
import { Pay } from './Pay.tsx';
import { SignIn } from './SignIn.tsx';
import { useOrder } from './useOrder.ts';

export function OrderPage({ id, session }: { id: string; session: Session }) {
  const [attempt, setAttempt] = useState(0);
  return (
    <div className="order">
      <h1 tabIndex={-1}>Your order</h1>
      {session.kind === 'in' ? (
        // Begun anew as a whole where it is tried again.
        <WatchedOrder key={attempt} id={id} onRetry={() => setAttempt(attempt + 1)} />
      ) : (
        <>
          <p>Sign in to see it.</p>
          <SignIn />
        </>
      )}
    </div>
  );
}

function WatchedOrder({ id, onRetry }: { id: string; onRetry(): void }) {
  const { order, fault } = useOrder(id);
  const live = useSyncExternalStore(watchConnection, isConnected);
  if (fault) return <FaultNote fault={fault} onRetry={onRetry} />;
  if (order === undefined) return <p role="status">Looking it up …</p>;
  if (order === null) return <p>There is no such order of yours.</p>;
  return (
    <>
      <p className="live" data-live={live}>
        {live ? 'Live: changes show by themselves.' : 'Connecting …'}
      </p>
      <State order={order} />
      <Facts order={order} />
      {order.status === 'ISSUED' && <Pay order={order} />}
      {order.invoice && (
        // The link is good for a quarter of an hour; each time the order is asked, there is a new one.
        <p>
          <a href={order.invoice.pdfUrl} target="_blank" rel="noreferrer">
            Invoice {order.invoice.number} (PDF)
          </a>
        </p>
      )}
    </>
  );
}

function State({ order }: { order: OrderShownFragment }) {
  const { title, text } = wordsFor(order);
  return (
    <div className="state" role="status" data-status={order.status} data-payment={order.paymentStatus}>
      <p className="title">{title}</p>
      <p>{text}</p>
    </div>
  );
}

function wordsFor({ status, paymentStatus }: OrderShownFragment): { title: string; text: string } {
  if (paymentStatus === 'UNDER_REVIEW')
    return { title: 'Being looked at', text: 'Your payment has arrived and somebody is looking at it.' };
  if (status === 'PAID') return { title: 'Paid', text: 'Thank you. Your appointment is confirmed.' };
  if (status === 'ISSUED' && paymentStatus === 'PENDING')
    return { title: 'Waiting for your payment', text: 'It shows here as soon as it arrives, without a reload.' };
  if (status === 'ISSUED') return { title: 'Not paid yet', text: 'Your time is kept for you until you pay.' };
  if (status === 'EXPIRED') return { title: 'Expired', text: 'Nobody paid in time, so the time was given to others.' };
  if (status === 'CANCELLED') return { title: 'Cancelled', text: 'This order is not wanted any more.' };
  if (status === 'DRAFT') return { title: 'Draft', text: 'The shop still has to confirm this order.' };
  return { title: 'Refunded', text: 'Money of this order was given back.' };
}

function Facts({ order }: { order: OrderShownFragment }) {
  const formats = useFormats();
  return (
    <dl>
      <dt>Order</dt>
      <dd>{order.number ?? 'without a number yet'}</dd>
      {order.items.map((item) => (
        <Fact key={item.description} name="What">
          {item.description}
        </Fact>
      ))}
      {order.bookings.map((booking) => (
        <Fact key={booking.id} name="When">
          {formats.day(booking.start)}, {formats.time(booking.start)} to {formats.time(booking.end)},{' '}
          {formats.zone(booking.start)}
        </Fact>
      ))}
      <Fact name="Total">{formats.price(order.total)}</Fact>
      {order.status === 'ISSUED' && order.expiresAt && (
        <Fact name="Kept until">
          {formats.day(order.expiresAt)}, {formats.time(order.expiresAt)}
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
