import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import pg from 'pg';
import { expect, test } from 'vitest';

import { migrate } from '../../src/launch/migrate.ts';
import { createBlankDatabase } from '../helpers/database.ts';

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
const REPORTS = '20261121000700_reports';

test('orders that ended before anybody remembered when are closed as far as anything tells, and others are not', async () => {
  const database = await createBlankDatabase();
  const folder = mkdtempSync(path.join(tmpdir(), 'portolan-before-reports-'));
  for (const name of readdirSync(MIGRATIONS).filter((each) => each < REPORTS || each.endsWith('.toml')))
    cpSync(path.join(MIGRATIONS, name), path.join(folder, name), { recursive: true });
  await migrate(database.ownerUrl, { folder, log: () => undefined });
  rmSync(folder, { recursive: true });
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  await owner.query(`
    set session_replication_role = replica;
    insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at)
      values ('00000000-0000-4000-8000-00000000a001', 'old', 'Old', 'EGP', '{}', '{}', now());
    insert into orders (tenant_id, id, number, type, status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at, issued_at, expires_at)
      select '00000000-0000-4000-8000-00000000a001', ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'ORD-' || n, 'PRODUCT', status::order_status,
        '00000000-0000-4000-8000-00000000c001', 'EGP', 1, 0, 1, '2025-01-01', case when n < 6 then timestamptz '2025-01-02' end, '2025-01-09'
      from (values (1, 'CANCELLED'), (2, 'CANCELLED'), (3, 'EXPIRED'), (4, 'ISSUED'), (5, 'PAID'), (6, 'CANCELLED')) v (n, status);
    insert into events (tenant_id, id, position, type, aggregate_type, aggregate_id, version, payload, occurred_at)
      select '00000000-0000-4000-8000-00000000a001', gen_random_uuid(), n, 'order.status', 'Order', ('00000000-0000-4000-8000-00000000000' || id)::uuid, n,
        jsonb_build_object('status', status), at::timestamptz
      from (values (1, 1, 'ISSUED', '2025-01-02'), (2, 1, 'CANCELLED', '2025-01-05'), (3, 5, 'EXPIRED', '2025-01-09'), (4, 5, 'PAID', '2025-01-11'))
        v (n, id, status, at)`);
  await owner.query('set session_replication_role = origin');
  expect(await migrate(database.ownerUrl, { log: () => undefined })).toContain(REPORTS);
  const { rows } = await owner.query(
    "select right(id::text, 1)::int as n, to_char(closed_at, 'YYYY-MM-DD') as closed from orders order by 1",
  );
  expect(rows.map(({ n, closed }) => [n, closed])).toEqual([
    [1, '2025-01-05'],
    // Nothing tells any more: as if it had never waited.
    [2, '2025-01-02'],
    [3, '2025-01-09'],
    [4, null],
    // It ran out, and late money was accepted.
    [5, '2025-01-09'],
    [6, null],
  ]);
  await owner.end();
  await database.drop();
});
