-- Gateways that take the customer by a form make a transaction of their own each time the form is paid. Each transaction is one payment's:
-- a second one under the same payment is a payment of its own, held under review, and can be written once only (COM-5).
CREATE UNIQUE INDEX "payments_tenant_id_gateway_key_gateway_key" ON "payments"("tenant_id", "gateway_key", "gateway");

-- The form is made anew each time the customer opens its page, and names where to come back to.
ALTER TABLE "payments" ADD COLUMN "return_url" TEXT;
