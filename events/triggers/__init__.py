"""Triggers: what a firing does outside, once."""
