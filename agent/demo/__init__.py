"""The demo: a small cluster of real hosts, real faults, and the agent that heals them."""
