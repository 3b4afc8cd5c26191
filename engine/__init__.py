"""Workflows: a pure core that turns facts into decisions, and the shell that applies them."""
