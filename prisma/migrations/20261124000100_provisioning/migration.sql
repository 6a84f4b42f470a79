-- Staff, rooms and chairs can be taken out of a diary; what was booked of them stays with them.
ALTER TABLE "resources" ADD COLUMN     "deleted_at" TIMESTAMPTZ(6);

-- Nobody takes a time of somebody who is gone. The row is locked as the foreign key locks it, before it is looked at: whoever deletes it
-- meanwhile locks it too, so either they count this appointment, or it is refused.
create function refuse_gone_resource() returns trigger
  language plpgsql set search_path = public, pg_temp
as $$
begin
  perform from resources r where r.tenant_id = new.tenant_id and r.id = new.resource_id and r.deleted_at is null for key share;
  if not found then
    raise exception 'nothing is taken of a resource that is gone' using errcode = '23514', constraint = 'allocations_of_what_is_there';
  end if;
  return new;
end
$$;
create trigger of_what_is_there before insert on allocations for each row execute function refuse_gone_resource();
