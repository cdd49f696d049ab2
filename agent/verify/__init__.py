"""Runs in, verdicts out, from fresh metrics only."""

from agent.verify.effect import Circumstances, judge_effect
from agent.verify.freshness import oldest_sample
from agent.verify.verifier import Finding, Verification

__all__ = ["Circumstances", "Finding", "Verification", "judge_effect", "oldest_sample"]
