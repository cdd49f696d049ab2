"""Observations of one incident in, where it comes from out: entities ranked, with evidence and its path."""
