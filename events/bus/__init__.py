"""The bus: where an event is once it was accepted, and where it stays to be replayed."""
