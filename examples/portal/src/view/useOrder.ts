import { useEffect, useState } from 'react';
import { useClient } from 'urql';

import {
  OneOrderDocument,
  OrderMovedDocument,
  PaymentMovedDocument,
  type OrderShownFragment,
} from '../generated/graphql.ts';
import { faultOfError, noAnswer, type Fault } from '../graph/faults.ts';
import { watch } from '../graph/live.ts';

export interface WatchedOrder {
  /** Null where there is none, or none of this customer's. */
  readonly order: OrderShownFragment | null | undefined;
  readonly fault: Fault | null;
}

/** An order as it is now: asked once, then told by its events. What the query gives and the first event meet without a gap. */
export function useOrder(id: string): WatchedOrder {
  const client = useClient();
  const [order, setOrder] = useState<OrderShownFragment | null | undefined>();
  const [fault, setFault] = useState<Fault | null>(null);

  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const show = (now: OrderShownFragment | null) => {
      if (!signal.aborted) setOrder(now);
    };
    const begin = async () => {
      const { data, error, extensions } = await client.query(
        OneOrderDocument,
        { id },
        { requestPolicy: 'network-only' },
      );
      if (error) throw faultOfError(error);
      show(data?.order ?? null);
      // The place in the shop's journal that this answer stands for.
      return (extensions?.['cursor'] as string | undefined) ?? null;
    };
    const payments = { document: PaymentMovedDocument, variables: { orderId: id }, begin, onEvent: onPayment };
    const orders = { document: OrderMovedDocument, variables: { orderId: id }, begin, onEvent: onOrder };
    for (const watching of [watch(payments, signal), watch(orders, signal)])
      watching.catch((error: unknown) => {
        if (!signal.aborted) setFault(isFault(error) ? error : noAnswer());
      });
    return () => leaving.abort();

    function onPayment({ paymentStatusChanged: event }: { paymentStatusChanged: PaymentEvent }): string {
      show(event.payment.order);
      return event.cursor;
    }
    function onOrder({ orderStatusChanged: event }: { orderStatusChanged: OrderEvent }): string {
      show(event.order);
      return event.cursor;
    }
  }, [client, id]);

  return { order, fault };
}

interface PaymentEvent {
  readonly cursor: string;
  readonly payment: { readonly order: OrderShownFragment };
}

interface OrderEvent {
  readonly cursor: string;
  readonly order: OrderShownFragment;
}

function isFault(error: unknown): error is Fault {
  return typeof error === 'object' && error !== null && 'retryAt' in error;
}
