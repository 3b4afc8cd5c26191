"""`headrace demo`: the main job shown on real payloads, with times for each hop."""
