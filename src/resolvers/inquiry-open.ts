import type { Transaction } from '../db.ts';
import type { Changing } from './payment-change.ts';

/** Seconds, then minutes, then hours (BEY-3). After the last one a person decides. */
export const LOOK_UP_AFTER_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000] as const;

/** Opens an inquiry about something whose outcome is unknown; the first look-up is seconds away. @returns its id */
export async function openInquiry(
  app: Changing,
  tx: Transaction,
  about: { aboutType: string; aboutId: string; reason: string },
): Promise<string> {
  const id = app.newId();
  const now = app.clock.now();
  await tx.query(
    `insert into inquiries (tenant_id, id, about_type, about_id, reason, next_look_up_at, created_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6)`,
    [id, about.aboutType, about.aboutId, about.reason, new Date(now.getTime() + LOOK_UP_AFTER_MS[0]), now],
  );
  return id;
}

/** Opens one unless one is open already, and makes operations that wait for it say so: for a lease that ended without an outcome. @returns its id */
export async function ensureInquiry(
  app: Changing,
  tx: Transaction,
  about: { aboutType: string; aboutId: string; reason: string },
): Promise<string> {
  const [open] = await tx.query<{ id: string }>(
    "select id from inquiries where tenant_id = current_tenant() and about_type = $1 and about_id = $2 and resolution = 'OPEN'",
    [about.aboutType, about.aboutId],
  );
  const inquiryId = open?.id ?? (await openInquiry(app, tx, about));
  // Asked every time: the inquiry may have been opened while the lease still ran.
  await tx.query(
    `update operations set status = 'UNKNOWN', inquiry_id = $3
     where tenant_id = current_tenant() and result_type = $1 and result_id = $2 and status = 'IN_FLIGHT' and lease_until < $4`,
    [about.aboutType, about.aboutId, inquiryId, app.clock.now()],
  );
  return inquiryId;
}
