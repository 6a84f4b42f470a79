-- Credentials that are due (PRV-4, OPS-7), and a newer master key around everything that is sealed (PRV-3).

-- The newest version of every tenant's credentials that was made before an instant: ids, names and dates, no value. A page of them,
-- behind the last one of the page before.
create function credentials_due(p_made_before timestamptz, p_after_tenant uuid, p_after_owner text, p_after_credential text, p_limit int)
returns table (tenant_id uuid, owner text, credential text, version int, created_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select c.tenant_id, c.owner, c.name, c.version, c.created_at from credentials c
    where current_tenant() = platform_tenant() and c.created_at < p_made_before
      and (c.tenant_id, c.owner, c.name) > (p_after_tenant, p_after_owner, p_after_credential)
      and not exists (select from credentials n where n.tenant_id = c.tenant_id and n.owner = c.owner and n.name = c.name
        and n.version > c.version)
    order by c.tenant_id, c.owner, c.name limit p_limit $$;

-- The version of the master key that a sealed value's data key is wrapped under (src/vault.ts); 0 for what is no sealed value. Four
-- bytes are read of it, whatever its length.
create function wrapped_under(p_sealed bytea) returns bigint language sql immutable parallel safe
  return case when length(substring(p_sealed from 2 for 4)) = 4 then
    (get_byte(substring(p_sealed from 2 for 4), 0)::bigint << 24) + (get_byte(substring(p_sealed from 2 for 4), 1) << 16)
      + (get_byte(substring(p_sealed from 2 for 4), 2) << 8) + get_byte(substring(p_sealed from 2 for 4), 3)
    else 0 end;

-- The value of p_sealed behind another head: its data key wrapped under a newer master key. p_from is the head it has now (format 1: 65
-- bytes, 2: 69), and null where it is another or p_to is nothing but such a wrapping of the same value.
create function with_newer_head(p_sealed bytea, p_from bytea, p_to bytea) returns bytea language sql immutable parallel safe
  return case when length(p_to) = 69 and get_byte(p_to, 0) = 2 and wrapped_under(p_to) > wrapped_under(p_from)
      and substring(p_sealed from 1 for length(p_from)) = p_from
      -- Under which version the value itself was sealed: it is bound to that for good.
      and substring(p_to from 6 for 4) = case
        when length(p_from) = 65 and get_byte(p_from, 0) = 1 then substring(p_from from 2 for 4)
        when length(p_from) = 69 and get_byte(p_from, 0) = 2 then substring(p_from from 6 for 4) end
    then p_to || substring(p_sealed from length(p_from) + 1) end;

-- Puts newer heads before values that the application may not otherwise touch: each only where the row still has the head it was made
-- from. Of the tenant worked in; the signing keys are the platform's. @returns the ids of those that were changed
create function rewrap(p_table text, p_keys text[], p_from bytea[], p_to bytea[]) returns setof text
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if p_table = 'credentials' then
    return query update credentials c set sealed = with_newer_head(c.sealed, w.head, w.newer), master_key_version = wrapped_under(w.newer)::int
      from unnest(p_keys, p_from, p_to) w (key, head, newer)
      where c.tenant_id = current_tenant() and c.id = w.key::uuid and with_newer_head(c.sealed, w.head, w.newer) is not null
      returning w.key;
  elsif p_table = 'webhook_deliveries' then
    return query update webhook_deliveries d set body_sealed = with_newer_head(d.body_sealed, w.head, w.newer)
      from unnest(p_keys, p_from, p_to) w (key, head, newer)
      where d.tenant_id = current_tenant() and d.id = w.key::uuid and with_newer_head(d.body_sealed, w.head, w.newer) is not null
      returning w.key;
  elsif p_table = 'signing_keys' then
    return query update signing_keys s set sealed = with_newer_head(s.sealed, w.head, w.newer)
      from unnest(p_keys, p_from, p_to) w (key, head, newer)
      where current_tenant() = platform_tenant() and s.kid = w.key and with_newer_head(s.sealed, w.head, w.newer) is not null
      returning w.key;
  else
    raise exception 'nothing is sealed in %', p_table using errcode = 'invalid_parameter_value';
  end if;
end
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array['credentials_due(timestamptz, uuid, text, text, int)', 'rewrap(text, text[], bytea[], bytea[])'] loop
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to portolan_app', signature);
  end loop;
end
$$;
