import { test } from 'vitest';

import type { Connection } from '../../src/live/connection.ts';
import type { Group } from '../../src/live/group.ts';
import { Member } from '../../src/live/member.ts';
import { until } from './world.ts';

test('who is held back in the very moment of going live reads on afterwards, and is not forgotten', async () => {
  let suspended = false;
  let position = 1n;
  let live = false;
  const got: string[] = [];
  const event = { position: 2n, tenantId: 'a', type: 'order.status', payload: {} };
  const connection = {
    cleared: async () => void (suspended = false),
    transport: { drained: async () => undefined },
    get suspended() {
      return suspended;
    },
    mayReceive: () => !suspended,
    checkPace: () => undefined,
  } as unknown as Connection;
  const group = {
    feed: {
      get position() {
        return position;
      },
      read: async () => [event],
    },
    filter: { tenantId: 'a', eventType: 'order.status', subject: null, customerId: null, vertical: null },
    pastResultFor: async () => Buffer.from('second'),
    leaveLive: () => void (live = false),
    goLive: (member: Member) => {
      live = true;
      if (position > 1n) return;
      // Before the member's own turn comes again: a change to be looked at, and an event behind it.
      queueMicrotask(() => {
        position = 2n;
        suspended = true;
        member.deliver(2n, Buffer.from('second'), 0);
      });
    },
  } as unknown as Group;
  const member = new Member({
    group,
    connection,
    sink: { next: (payload) => got.push(payload.toString()), fail: () => undefined },
    after: 1n,
    mask: () => ({ message: '' }),
    onSent: () => undefined,
    onStop: () => undefined,
  });
  member.start();
  await until(() => got).toEqual(['second']);
  await until(() => live).toBe(true);
});
