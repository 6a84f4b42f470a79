-- The closed list of what may be asked before a tenant is known, or across tenants (decisions.md, "Tenancy and database roles").
-- Each runs as the owner with a fixed search path and gives ids and numbers only; read_streams gives events, which hold ids and codes only.

-- The key with this SHA-256, whatever its state.
create function find_api_key(p_hash bytea) returns table (tenant_id uuid, id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select k.tenant_id, k.id from api_keys k where k.hash = p_hash $$;

create function find_tenant(p_slug text) returns uuid
  language sql stable security definer set search_path = public, pg_temp
  as $$ select t.id from tenants t where t.slug = p_slug $$;

-- For preflights, which carry no key: does any active tenant list the origin?
create function origin_listed(p_origin text) returns boolean
  language sql stable security definer set search_path = public, pg_temp
  as $$ select exists (select from portal_configs p join tenants t on t.id = p.tenant_id
    where t.active and p.active and p.cors_origins @> array[p_origin]) $$;

create function touch_api_keys(p_ids uuid[], p_at timestamptz) returns void
  language sql security definer set search_path = public, pg_temp
  as $$ update api_keys set last_used_at = p_at where id = any (p_ids) and (last_used_at is null or last_used_at < p_at) $$;

-- Takes p_cost from a bucket's budget of the minute of p_now. granted is what was taken (p_cost, or p_atleast when no more is left, or 0).
create function take_budget(p_tenant uuid, p_bucket text, p_cost int, p_atleast int, p_limit int, p_now timestamptz)
returns table (granted int, used int)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_window timestamptz := date_trunc('minute', p_now);
  v_row rate_budgets;
  v_take int;
begin
  insert into rate_budgets as b (tenant_id, bucket, window_start, used) values (p_tenant, p_bucket, v_window, 0)
    on conflict (tenant_id, bucket) do nothing;
  select * into strict v_row from rate_budgets b where b.tenant_id = p_tenant and b.bucket = p_bucket for update;
  if v_row.window_start < v_window then
    v_row.used := 0;
  end if;
  v_take := case when v_row.used + p_cost <= p_limit then p_cost
    when v_row.used + p_atleast <= p_limit then p_atleast else 0 end;
  update rate_budgets b set window_start = greatest(v_row.window_start, v_window), used = v_row.used + v_take
    where b.tenant_id = p_tenant and b.bucket = p_bucket;
  return query select v_take, v_row.used + v_take;
end
$$;

-- Opens a transaction's work for a tenant (and a customer, or null) and says where the tenant's and the platform's streams stand in its
-- snapshot. One call, so that a read transaction begins in one message.
create function enter_tenant(p_tenant uuid, p_customer uuid)
returns table (epoch uuid, "position" bigint, platform_position bigint)
language plpgsql as $$
begin
  perform set_config('app.tenant_id', p_tenant::text, true), set_config('app.customer_id', coalesce(p_customer::text, ''), true);
  return query select s.epoch, s.position, (select f.position from streams f where f.tenant_id = platform_tenant())
    from streams s where s.tenant_id = p_tenant;
end
$$;
-- Heads are numbers: every tenant may see how far the platform's stream has come.
create policy platform_head on streams for select using (tenant_id = platform_tenant());

-- Where each of these streams stands.
create function stream_heads(p_tenants uuid[]) returns table (tenant_id uuid, epoch uuid, "position" bigint)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select s.tenant_id, s.epoch, s.position from streams s where s.tenant_id = any (p_tenants) $$;

-- The events of several streams, each after its own position, in order; at most p_limit per stream.
create function read_streams(p_tenants uuid[], p_after bigint[], p_limit int)
returns table (tenant_id uuid, "position" bigint, type text, aggregate_type text, aggregate_id uuid, version int, payload jsonb, occurred_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select e.tenant_id, e.position, e.type, e.aggregate_type, e.aggregate_id, e.version, e.payload, e.occurred_at
    from unnest(p_tenants, p_after) w (tenant_id, after)
    cross join lateral (select * from events v where v.tenant_id = w.tenant_id and v.position > w.after
      order by v.position limit p_limit) e
    order by e.tenant_id, e.position $$;

-- What is due now, for the scheduler: ids only; each piece is worked in its own tenant's transaction. A delivery that is still open a
-- minute after it came was left by a process that ended, or waits for a gateway that was silent; after four days it is let be, so that what
-- can't be worked keeps nobody else's from its turn.
create function due_work(p_now timestamptz, p_limit int) returns table (kind text, tenant_id uuid, id uuid)
  language sql stable security definer set search_path = public, pg_temp
  as $$ (select 'payment', p.tenant_id, p.id from payments p where p.next_poll_at <= p_now order by p.next_poll_at limit p_limit)
    union all
    (select 'inquiry', i.tenant_id, i.id from inquiries i where i.resolution = 'OPEN' and i.next_look_up_at <= p_now
      order by i.next_look_up_at limit p_limit)
    union all
    (select 'order', o.tenant_id, o.id from orders o where o.status = 'ISSUED' and o.expires_at <= p_now
      order by o.expires_at limit p_limit)
    union all
    (select 'delivery', d.tenant_id, d.id from webhook_deliveries d where d.processed_at is null
      and d.received_at <= p_now - interval '1 minute' and d.received_at > p_now - interval '4 days'
      order by d.received_at limit p_limit) $$;

-- Forgets what has had its time: events, operations, webhook bodies, spent refresh tokens (decisions.md, "Running: Kept"). Some
-- thousands of each at a call, because the streams' rows are locked meanwhile. The database's own clock is the limit, so that a login
-- that lies about the time makes it forget nothing early.
create function forget_old(p_now timestamptz) returns table (events bigint, operations bigint, bodies bigint, tokens bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_now timestamptz := least(p_now, clock_timestamp());
  v_events bigint; v_operations bigint; v_bodies bigint; v_tokens bigint;
begin
  with old as (
    select e.tenant_id, max(e.position) as position
    from (select v.tenant_id, v.position from events v where v.occurred_at < v_now - interval '30 days' limit 10000) e group by 1
  ), told as (
    update streams s set pruned_to = greatest(s.pruned_to, old.position) from old where s.tenant_id = old.tenant_id
    returning s.tenant_id, s.pruned_to
  )
  delete from events e using told where e.tenant_id = told.tenant_id and e.position <= told.pruned_to;
  get diagnostics v_events = row_count;
  -- Who holds a lease that ended long ago is gone.
  delete from operations o where (o.tenant_id, o.actor, o.key) in (select p.tenant_id, p.actor, p.key from operations p
    where p.started_at < v_now - interval '72 hours' and p.lease_until < v_now limit 10000);
  get diagnostics v_operations = row_count;
  update webhook_deliveries d set body_sealed = null where (d.tenant_id, d.id) in (select w.tenant_id, w.id from webhook_deliveries w
    where w.received_at < v_now - interval '90 days' and w.body_sealed is not null limit 10000);
  get diagnostics v_bodies = row_count;
  delete from refresh_tokens t where (t.tenant_id, t.hash) in (select r.tenant_id, r.hash from refresh_tokens r
    where r.expires_at < v_now - interval '7 days' limit 10000);
  get diagnostics v_tokens = row_count;
  return query select v_events, v_operations, v_bodies, v_tokens;
end
$$;

-- For /ready: has this database the migration of this name? The table is Prisma's own and made before any migration runs.
create function has_migration(p_name text) returns boolean
  language plpgsql stable security definer set search_path = public, pg_temp
  as $$ begin return exists (select from _prisma_migrations m where m.migration_name = p_name and m.finished_at is not null); end $$;

do $$
declare
  signature text;
begin
  foreach signature in array array['find_api_key(bytea)', 'find_tenant(text)', 'origin_listed(text)', 'touch_api_keys(uuid[], timestamptz)',
    'take_budget(uuid, text, int, int, int, timestamptz)', 'stream_heads(uuid[])', 'read_streams(uuid[], bigint[], int)',
    'due_work(timestamptz, int)', 'forget_old(timestamptz)', 'has_migration(text)'] loop
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to portolan_app', signature);
  end loop;
end
$$;
