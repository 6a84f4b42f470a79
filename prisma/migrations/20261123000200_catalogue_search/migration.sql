-- Searching a catalogue (TEN-7): by any part of a word of its names and descriptions, in any letters and case.
create extension if not exists pg_trgm;
create extension if not exists btree_gin;

-- Name and description as they are compared (src/domain/product.ts makes it): how letters fold does not depend on the database's locale.
ALTER TABLE "products" ADD COLUMN     "searched" TEXT NOT NULL DEFAULT '';

-- A product without images has none; it is not unknown whether it has any.
UPDATE "products" SET "images" = ARRAY[]::TEXT[] WHERE "images" IS NULL;
ALTER TABLE "products" ALTER COLUMN "images" SET DEFAULT ARRAY[]::TEXT[],
ALTER COLUMN "images" SET NOT NULL;

-- CreateIndex
CREATE INDEX "products_tenant_id_category_created_at_id_idx" ON "products"("tenant_id", "category", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "products_searched" ON "products" USING GIN ("tenant_id", "searched" gin_trgm_ops);

-- LIKE is not leakproof, so under row-level security no index would be used for it and every product of the tenant be looked at. This
-- runs as the owner, sees the tenant worked in only, and gives ids. The first pattern is the one that is sought.
create function products_matching(p_patterns text[]) returns setof uuid
  language sql stable security definer set search_path = public, pg_temp
  as $$ select p.id from products p
    where p.tenant_id = current_tenant() and p.searched like p_patterns[1] and p.searched like all (p_patterns) $$;
revoke execute on function products_matching(text[]) from public;
grant execute on function products_matching(text[]) to portolan_app;
