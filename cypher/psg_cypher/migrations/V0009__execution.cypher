// phase: pre
// Plans whose failure stops them, and plans whose end has consequences: found by label, handled by any orchestrator.
CREATE INDEX plan_stopping IF NOT EXISTS FOR (n:Stopping) ON (n.project_id, n.id);
CREATE INDEX plan_reacting IF NOT EXISTS FOR (n:Reacting) ON (n.project_id, n.id);
// What a running attempt may spend at most, until its result says what it did.
CREATE CONSTRAINT reservation_id IF NOT EXISTS FOR (n:Reservation) REQUIRE (n.project_id, n.id) IS UNIQUE;
CREATE INDEX reservation_plan IF NOT EXISTS FOR (n:Reservation) ON (n.project_id, n.plan);
// The effect ledger: what an idempotency key came to.
CREATE CONSTRAINT effect_key IF NOT EXISTS FOR (n:Effect) REQUIRE (n.project_id, n.key) IS UNIQUE;
// Confirms whose request lapses.
CREATE INDEX confirm_expiry IF NOT EXISTS FOR (n:Expiring) ON (n.expires_at);
