"""Event sources: what happens outside becomes a CloudEvent on the bus, durable before the 2xx."""
