"""HTTP requests of plans: where they may go, what is sent, what is kept of the answer (L3-29)."""
