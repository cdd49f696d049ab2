"""The voter that is trained: past incidents in, a model that says how likely each fault is out."""
