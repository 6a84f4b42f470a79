import { defineConfig } from 'prisma/config';

// For Prisma's own tools only (generate, studio). Migrations run through src/launch/migrate.ts, which needs no download.
const url = process.env['DATABASE_MIGRATION_URL'] || process.env['DATABASE_URL'];

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(url ? { datasource: { url } } : {}),
});
