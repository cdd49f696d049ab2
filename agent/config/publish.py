"""The schemas of all contributor files, as JSON Schema for editors, and the page of all settings.

``make schemas`` writes both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agent.config.casefile import CaseFile
from agent.config.exporterfile import ExporterFile
from agent.config.holidayfile import HolidayFile
from agent.config.policyfile import PolicyFile
from agent.config.reference import PAGE, reference_text
from agent.config.remediationfile import RemediationFile
from agent.config.rulefiles import FaultFile, HarmFile, RuleFile, SignalFile
from agent.config.ruletestfile import RuleTestFile
from agent.config.settings import Settings

FOLDER = Path(__file__).parent / "schemas"
FILES: dict[str, type[BaseModel]] = {
    "opsmend": Settings,
    "signals": SignalFile,
    "faults": FaultFile,
    "diagnosis": RuleFile,
    "harm": HarmFile,
    "ruletests": RuleTestFile,
    "cases": CaseFile,
    "exporters": ExporterFile,
    "holidays": HolidayFile,
    "remediation": RemediationFile,
    "policy": PolicyFile,
}


def schema_text(name: str) -> str:
    """Return one schema as it is published."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **FILES[name].model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every schema, and the page of all settings in the checkout that this is."""
    FOLDER.mkdir(exist_ok=True)
    for name in FILES:
        (FOLDER / f"{name}.json").write_text(schema_text(name))
    PAGE.write_text(reference_text())


if __name__ == "__main__":
    main()
