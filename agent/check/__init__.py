"""Everything that must be so for the agent to do its work, looked at without changing anything."""
