"""From the outside world to objects: sources, the bus, sensors, triggers, the ledger."""
