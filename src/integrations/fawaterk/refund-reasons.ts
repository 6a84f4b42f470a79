import type { OutboundCall } from '../contract.ts';
import { askV3 } from './exchange.ts';
import type { RefundDesk } from './refund-list.ts';
import { connectionKey } from './tokens.ts';
import { RefundReasonsAnswer } from './wire.ts';

/** The vendor takes a reason of its own list only (payment-gateways.md 1.2). */
export interface RefundReasons {
  /** The vendor's reason for our text. Never fails: where the list cannot be read, the documented one is used. */
  fitting(desk: RefundDesk, text: string, call: OutboundCall): Promise<string>;
}

const OTHER = 'Other';
const KEPT_MS = 3_600_000;
const CONNECTIONS_MAX = 1_000;

export function createRefundReasons(): RefundReasons {
  const kept = new Map<string, { readonly until: number; readonly reasons: readonly string[] }>();
  return {
    fitting: async (desk, text, call) => {
      const key = connectionKey(desk.connection);
      const now = desk.options.clock.now().getTime();
      const held = kept.get(key);
      if (held && held.until > now) return fittingReason(held.reasons, text);
      const asked = await askV3(desk.options, desk.tokens, {
        connection: desk.connection,
        call,
        method: 'POST',
        path: '/refund/refundReasons',
        body: JSON.stringify({ lang: 'en' }),
        effect: false,
        shape: RefundReasonsAnswer,
        convert: ({ data }) => data,
      });
      if (asked.kind !== 'done') return OTHER;
      if (kept.size >= CONNECTIONS_MAX) kept.delete(kept.keys().next().value ?? '');
      kept.set(key, { until: now + KEPT_MS, reasons: asked.value });
      return fittingReason(asked.value, text);
    },
  };
}

/** The same words, else "Other", else the first: our own words travel in the comment. */
export function fittingReason(reasons: readonly string[], text: string): string {
  const find = (wanted: string): string | undefined =>
    reasons.find((reason) => reason.trim().toLowerCase() === wanted.trim().toLowerCase());
  return find(text) ?? find(OTHER) ?? reasons[0] ?? OTHER;
}
