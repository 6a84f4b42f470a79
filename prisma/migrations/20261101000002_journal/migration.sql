-- The event journal and the audit chain: positions are dense per tenant and given inside COMMIT, so that no position ever becomes
-- visible after a higher one (decisions.md, "Journal and wake-ups"): the stream's row is locked from here until the commit is visible,
-- and no client round trip happens under that lock.

alter table streams set (fillfactor = 10);
alter table rate_budgets set (fillfactor = 20);
alter table rate_budgets set unlogged;

create function assign_event_position() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_position bigint;
begin
  update streams set position = position + 1 where tenant_id = new.tenant_id returning position into strict v_position;
  update events set position = v_position where tenant_id = new.tenant_id and id = new.id;
  return null;
end
$$;
create constraint trigger positioned after insert on events deferrable initially deferred
  for each row execute function assign_event_position();

-- What an audit entry's hash covers: everything it says, its place, and the hash before it (PRV-15).
create function audit_hash(p_previous bytea, p_position bigint, p_entry audit_entries) returns bytea language sql immutable
  return sha256(p_previous || convert_to(jsonb_build_array(p_entry.tenant_id, p_position, p_entry.id, p_entry.actor, p_entry.action,
    p_entry.target, p_entry.before, p_entry.after, extract(epoch from p_entry.occurred_at)::text)::text, 'UTF8'));

create function chain_audit_entry() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_stream streams;
  v_hash bytea;
begin
  select * into strict v_stream from streams where tenant_id = new.tenant_id for update;
  v_hash := audit_hash(v_stream.audit_head, v_stream.audit_position + 1, new);
  update streams set audit_position = audit_position + 1, audit_head = v_hash where tenant_id = new.tenant_id;
  update audit_entries set position = v_stream.audit_position + 1, previous_hash = v_stream.audit_head, hash = v_hash
    where tenant_id = new.tenant_id and id = new.id;
  return null;
end
$$;
create constraint trigger chained after insert on audit_entries deferrable initially deferred
  for each row execute function chain_audit_entry();

-- Append-only, save for the one update that gives a row its place.
create function refuse_change_of_placed() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.position is null and new.position is not null then
    return new;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
create function require_unplaced() returns trigger language plpgsql as $$
begin
  if new.position is not null then
    raise exception '% gets its position from the database', tg_table_name using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger append_only before update or delete on audit_entries for each row execute function refuse_change_of_placed();
create trigger append_only_whole before truncate on audit_entries execute function refuse_change();
create trigger unplaced before insert on audit_entries for each row execute function require_unplaced();
create trigger append_only before update on events for each row execute function refuse_change_of_placed();
create trigger unplaced before insert on events for each row execute function require_unplaced();

-- The first entry of the current tenant's chain that does not hold, or null where all of it holds.
create function first_audit_fault() returns bigint language plpgsql stable as $$
declare
  v_entry audit_entries;
  v_previous bytea := '\x00';
  v_position bigint := 0;
  v_head streams;
begin
  for v_entry in select * from audit_entries where tenant_id = current_tenant() order by position loop
    v_position := v_position + 1;
    if v_entry.position is distinct from v_position or v_entry.previous_hash is distinct from v_previous
      or v_entry.hash is distinct from audit_hash(v_previous, v_position, v_entry) then
      return v_position;
    end if;
    v_previous := v_entry.hash;
  end loop;
  select * into v_head from streams where tenant_id = current_tenant();
  if v_head.audit_position <> v_position or v_head.audit_head is distinct from v_previous then
    return v_position + 1;
  end if;
  return null;
end
$$;

-- A new tenant gets its portal and its stream with it.
create function complete_tenant() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into portal_configs (tenant_id, cors_origins) values (new.id, '{}');
  insert into streams (tenant_id, epoch, audit_head) values (new.id, gen_random_uuid(), '\x00');
  return null;
end
$$;
create trigger completed after insert on tenants for each row execute function complete_tenant();

-- The platform's own realm is there from the start.
insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at)
  values (platform_tenant(), 'platform', 'Platform', 'USD',
    '{"roundingMode": "HALF_UP", "roundingLevel": "LINE", "pricesIncludeTax": false}', '{}', now());
