"""Frames, anomalies, alerts and arrivals in, incidents with candidates out: what every poll does."""
