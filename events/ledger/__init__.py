"""The ledger: what became of every event, kept in the bus's own store."""
