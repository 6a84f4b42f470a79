-- How much one customer may keep from everybody else without paying: otherwise a single one holds every time of the diary, and the stock.
ALTER TABLE "booking_rules" ADD COLUMN     "max_unpaid_appointments" INTEGER NOT NULL DEFAULT 5,
ADD COLUMN     "max_unpaid_orders" INTEGER NOT NULL DEFAULT 5;

alter table booking_rules
  add constraint booking_rules_caps check (max_unpaid_appointments between 1 and 1000 and max_unpaid_orders between 1 and 1000);
