import { useQuery } from 'urql';

import { PayOrderDocument, WaysToPayDocument, type OrderShownFragment } from '../generated/graphql.ts';
import { faultOfError } from '../graph/faults.ts';
import { placeOfOrder } from '../route.ts';
import { FaultNote } from './FaultNote.tsx';
import { useDeed } from './useDeed.ts';

/** How this order can be paid. The gateway has a page of its own, and sends the customer back to this order's. */
export function Pay({ order }: { order: OrderShownFragment }) {
  const [{ data, error, fetching }, ask] = useQuery({ query: WaysToPayDocument, variables: { orderId: order.id } });
  const paying = useDeed(PayOrderDocument, (answer) => answer.payOrder);

  async function pay(methodId: string): Promise<void> {
    const returnUrl = location.origin + placeOfOrder(order.id);
    const done = await paying.run({ orderId: order.id, methodId, returnUrl });
    const paymentUrl = done?.payment?.paymentUrl;
    if (paymentUrl) location.assign(paymentUrl);
  }

  return (
    <section className="pay" aria-labelledby="pay">
      <h2 id="pay">Pay with</h2>
      {error && <FaultNote fault={faultOfError(error)} onRetry={() => ask({ requestPolicy: 'network-only' })} />}
      {paying.fault && <FaultNote fault={paying.fault} />}
      {fetching && <p role="status">Asking how you can pay …</p>}
      {data?.paymentMethods
        .filter(({ kind }) => kind === 'REDIRECT')
        .map(({ id, name }, index) => (
          <button
            key={id}
            type="button"
            className={index === 0 ? 'main' : ''}
            disabled={paying.running}
            onClick={() => void pay(id)}
          >
            {name}
          </button>
        ))}
    </section>
  );
}
