"""Runs in, verdicts out, from fresh metrics only."""

from agent.verify.checks import oldest_sample
from agent.verify.verifier import Finding, Verification

__all__ = ["Finding", "Verification", "oldest_sample"]
