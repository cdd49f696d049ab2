"""Verdicts in, cases and better choices out: the cases that diagnosis compares with, and voters' records."""
