-- Decisions of one vertical, newest first. An enum can't be sought by under row-level security, because its comparison is not
-- leakproof; what an index holds is another matter: a condition that says the same makes it the index to read.
create index routing_decisions_lodging on routing_decisions (tenant_id, decided_at desc, id desc) where vertical = 'LODGING';
create index routing_decisions_flights_booking on routing_decisions (tenant_id, decided_at desc, id desc)
  where vertical = 'FLIGHTS_BOOKING';
create index routing_decisions_flights_discovery on routing_decisions (tenant_id, decided_at desc, id desc)
  where vertical = 'FLIGHTS_DISCOVERY';
