"""The agent's own port: what is shown and commanded over HTTP."""
