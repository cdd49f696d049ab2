"""Frames in, forecasts out. Nothing is forecast yet; the room keeps its place in the flow."""
