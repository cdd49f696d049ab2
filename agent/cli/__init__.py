"""The `opsmend` command."""
