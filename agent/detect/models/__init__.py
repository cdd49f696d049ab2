"""Entity models: the series of one entity looked at together, learned from healthy days."""
