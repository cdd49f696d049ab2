"""Runs in, verdicts out, from fresh metrics only."""

from agent.verify.attribution import Circumstances, attribute_recovery
from agent.verify.freshness import oldest_sample
from agent.verify.verifier import Finding, Verification

__all__ = ["Circumstances", "Finding", "Verification", "attribute_recovery", "oldest_sample"]
