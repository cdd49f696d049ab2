"""Verdicts in, cases and better choices out. Nothing is learned yet; the room keeps its place in the flow."""
