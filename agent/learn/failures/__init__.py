"""The foresight that is trained: how hosts were before past incidents in, how likely the next one is out."""
