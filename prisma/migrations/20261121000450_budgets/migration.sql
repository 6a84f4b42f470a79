-- Budgets are forgotten when they limit nobody any more, and counts of refused deliveries with what they counted.

create or replace function take_budget(p_tenant uuid, p_bucket text, p_cost int, p_atleast int, p_limit int, p_now timestamptz)
returns table (granted int, used int)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_window timestamptz := date_trunc('minute', p_now);
  v_row rate_budgets;
  v_take int;
begin
  -- Who only looks leaves nothing behind.
  if p_cost = 0 then
    return query select 0, coalesce((select b.used from rate_budgets b where b.tenant_id = p_tenant and b.bucket = p_bucket
      and b.window_start >= v_window), 0);
    return;
  end if;
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

create or replace function forget_old(p_now timestamptz) returns table (events bigint, operations bigint, bodies bigint, tokens bigint)
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
  -- A budget of yesterday limits nobody; every address that was ever tried has left one.
  delete from rate_budgets b where (b.tenant_id, b.bucket) in (select r.tenant_id, r.bucket from rate_budgets r
    where r.window_start < v_now - interval '1 day' limit 10000);
  -- Counts of refused deliveries, as long as their bodies were kept.
  delete from webhook_rejections j where (j.tenant_id, j.minute) in (select r.tenant_id, r.minute from webhook_rejections r
    where r.minute < v_now - interval '90 days' limit 10000);
  return query select v_events, v_operations, v_bodies, v_tokens;
end
$$;
