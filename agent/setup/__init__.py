"""A first installation: what is there looked at, what is missing written."""
