"""Answers to questions: what a field means, what a manifest would do, why something happened."""
