"""Files that people write, read strictly: settings, rules, remediations.

What is asked for is imported when it is asked for: a command that only reads the settings would take twice
as long with the models of rules, policy and remediations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.config.casefile import load_cases
    from agent.config.load import check_files, check_settings, load_settings
    from agent.config.policyfile import PolicyFile, load_policy
    from agent.config.remediationfile import RemediationFile
    from agent.config.rulefiles import Fault, Rule, Rulebook, Signal, load_rules
    from agent.config.runtimefolder import find_config_file
    from agent.config.settings import Settings
    from agent.config.timescale import scale_policy, scale_remediation, scale_rule

_MODULES = {
    "Fault": "rulefiles",
    "PolicyFile": "policyfile",
    "RemediationFile": "remediationfile",
    "Rule": "rulefiles",
    "Rulebook": "rulefiles",
    "Settings": "settings",
    "Signal": "rulefiles",
    "check_files": "load",
    "check_settings": "load",
    "find_config_file": "runtimefolder",
    "load_cases": "casefile",
    "load_policy": "policyfile",
    "load_rules": "rulefiles",
    "load_settings": "load",
    "scale_policy": "timescale",
    "scale_remediation": "timescale",
    "scale_rule": "timescale",
}

__all__ = [
    "Fault",
    "PolicyFile",
    "RemediationFile",
    "Rule",
    "Rulebook",
    "Settings",
    "Signal",
    "check_files",
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


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
