/** The reserved tenant whose users are the platform's staff; the migrations make it, as platform_tenant(). */
export const PLATFORM_TENANT_ID = '00000000-0000-4000-8000-000000000001';
