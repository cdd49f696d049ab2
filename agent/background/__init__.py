"""Processes beside the agent: one trains entity models, one asks them; both end with the agent."""
