import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { useQuery } from 'urql';

import { ShopDocument } from '../generated/graphql.ts';
import { formatsOf } from '../format.ts';
import { faultOfError } from '../graph/faults.ts';
import { accessToken, closeSession, currentSession, watchSession } from '../graph/session.ts';
import { go, useOrderId } from '../route.ts';
import { FaultNote } from './FaultNote.tsx';
import { OrderPage } from './OrderPage.tsx';
import { Formatting } from './formatting.ts';
import { Shop } from './Shop.tsx';

export function App() {
  const [{ data, error }, ask] = useQuery({ query: ShopDocument });
  const session = useSyncExternalStore(watchSession, currentSession);
  const orderId = useOrderId();
  const tenant = data?.viewer.tenant;
  const formats = useMemo(() => (tenant ? formatsOf(tenant) : null), [tenant]);

  useEffect(() => {
    // Back from the gateway's page: the session is opened again with the token that was kept. Where that fails the query below fails,
    // too, and says why; trying that again tries this again.
    if (session.kind === 'opening') accessToken().catch(() => undefined);
  }, [session.kind]);
  const shownId = useRef(orderId);
  useEffect(() => {
    if (shownId.current === orderId) return;
    shownId.current = orderId;
    // Another page, though the browser does not know: whoever listens to it begins at its head.
    document.querySelector('h1')?.focus();
  }, [orderId]);
  useEffect(() => {
    if (!tenant) return;
    document.title = tenant.name;
    document.documentElement.lang = tenant.locale;
  }, [tenant]);

  if (error)
    return (
      <main>
        <h1>Not available just now</h1>
        <FaultNote fault={faultOfError(error)} onRetry={() => ask({ requestPolicy: 'network-only' })} />
      </main>
    );
  if (!tenant || !formats || session.kind === 'opening')
    return (
      <p className="waiting" role="status">
        Opening the shop …
      </p>
    );
  return (
    <Formatting value={formats}>
      <header className="top">
        <a
          className="brand"
          href={location.pathname}
          onClick={(event) => {
            event.preventDefault();
            go(location.pathname);
          }}
        >
          {tenant.name}
        </a>
        {session.kind === 'in' && (
          <p className="person">
            <span>{session.name}</span>
            <button type="button" className="quiet" onClick={closeSession}>
              Sign out
            </button>
          </p>
        )}
      </header>
      <main>
        {orderId === null ? <Shop session={session} /> : <OrderPage key={orderId} id={orderId} session={session} />}
      </main>
    </Formatting>
  );
}
