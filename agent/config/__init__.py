"""Files that people write, read strictly: settings, rules, remediations."""

from agent.config.casefile import load_cases
from agent.config.load import check_settings, find_config_file, load_settings
from agent.config.policyfile import PolicyFile, load_policy
from agent.config.remediationfile import RemediationFile
from agent.config.rulefiles import Fault, Rule, Rulebook, Signal, load_rules
from agent.config.settings import Settings
from agent.config.timescale import scale_policy, scale_remediation, scale_rule

__all__ = [
    "Fault",
    "PolicyFile",
    "RemediationFile",
    "Rule",
    "Rulebook",
    "Settings",
    "Signal",
    "check_settings",
    "find_config_file",
    "load_cases",
    "load_policy",
    "load_rules",
    "load_settings",
    "scale_policy",
    "scale_remediation",
    "scale_rule",
]
