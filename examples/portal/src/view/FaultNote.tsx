import { useEffect, useState } from 'react';

import type { Fault } from '../graph/faults.ts';

/** What went wrong, for the customer, with its code for whoever helps them; and when it makes sense to try again. */
export function FaultNote({ fault, onRetry }: { fault: Fault; onRetry?: () => void }) {
  const seconds = useSecondsUntil(fault.retryAt);
  return (
    <div className="fault" role="alert" data-code={fault.code}>
      <p>{fault.message}</p>
      {onRetry && (
        <button type="button" disabled={seconds > 0} onClick={onRetry}>
          {seconds > 0 ? `Try again in ${seconds} s` : 'Try again'}
        </button>
      )}
      {!onRetry && seconds > 0 && <p>Please try again in {seconds} s.</p>}
      <p className="code">{fault.code}</p>
    </div>
  );
}

function useSecondsUntil(then: Date | null): number {
  const [now, setNow] = useState(Date.now);
  const seconds = then ? Math.max(0, Math.ceil((then.getTime() - now) / 1000)) : 0;
  const isOver = seconds === 0;
  useEffect(() => {
    if (isOver) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isOver]);
  return seconds;
}
