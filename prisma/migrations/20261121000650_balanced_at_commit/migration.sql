-- The law of the ledger once more where nothing comes after it: at commit each transaction written in it sums to zero (LOY-1). Once per
-- transaction, at its first entry; that all entries of a transaction come together, and balance, is refused earlier (ledger_check).
create function check_balanced_at_commit() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if (select sum(e.amount_minor) from ledger_entries e where e.tenant_id = new.tenant_id and e.transaction_id = new.transaction_id) <> 0 then
    raise exception 'ledger transaction % does not balance', new.transaction_id using errcode = 'check_violation';
  end if;
  return null;
end
$$;
create constraint trigger balanced_at_commit after insert on ledger_entries deferrable initially deferred
  for each row when (new.position = 1) execute function check_balanced_at_commit();
