"""A name and a fault in, the files of a new remediation out: a small one that works, to be changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from agent import config
from agent.errors import ConflictError, OpsmendError

_TEMPLATE = Path(__file__).parent / "template"
_SCHEMAS = Path(config.__file__).parent / "schemas"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROCESS_LENGTH = 15  # the kernel keeps no more of a process' name
_NAME_OF_FILE = "name.yml"
RISKS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationDraft:
    """What an author wants."""

    name: str
    fault: str
    summary: str
    risk: str = "medium"


def write_skeleton(
    draft: RemediationDraft, rules: Path, playbooks: Path, known: Mapping[str, object]
) -> list[Path]:
    """Write remediation, scenario, signal, fault, rule and rule test; return the files.

    ``known`` are the faults there are. Raises OpsmendError for a bad name, and ConflictError rather than
    write over anything.
    """
    for what, name in (("remediation", draft.name), ("fault", draft.fault)):
        if not _NAME.fullmatch(name):
            raise OpsmendError(f"'{name}' is no name for a {what}; write lower case words joined by _")
    if draft.risk not in RISKS:
        raise OpsmendError(f"risk is one of {', '.join(RISKS)}")
    if not draft.summary.strip() or any(c in "{}" or not c.isprintable() for c in draft.summary):
        raise OpsmendError("the summary is one sentence, without braces")
    if draft.fault in known:
        raise ConflictError(
            f"there is a fault '{draft.fault}' already; to fix it otherwise, copy what fixes it now"
        )
    texts = dict(_texts(draft, rules, playbooks))
    standing = [str(file) for file in texts if file.exists()]
    if (playbooks / draft.name).exists() or standing:
        raise ConflictError(f"{', '.join(standing) or playbooks / draft.name} exists already")
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return list(texts)


def _texts(draft: RemediationDraft, rules: Path, playbooks: Path) -> Mapping[Path, str]:
    process = draft.name.replace("_", "-")[:_PROCESS_LENGTH].rstrip("-")
    sentence = draft.summary.strip()
    values = {
        "name": draft.name,
        "fault": draft.fault,
        # as JSON, which is YAML too, whatever the sentence holds
        "summary": json.dumps(sentence[0].upper() + sentence[1:], ensure_ascii=False),
        "fault_summary": json.dumps(f"Something runs that should not: {process}"),
        "risk": draft.risk,
        "process": process,
    }
    texts = {}
    for file in sorted(_TEMPLATE.rglob("*.yml")):
        kind, *inside = file.relative_to(_TEMPLATE).parts
        place = playbooks / draft.name if kind == "playbooks" else rules
        path = place.joinpath(*(f"{draft.name}.yml" if one == _NAME_OF_FILE else one for one in inside))
        texts[path] = Template(file.read_text()).substitute(values, schemas=_schemas_from(path))
    return texts


def _schemas_from(file: Path) -> str:
    """Return where an editor finds the JSON Schemas, seen from a file: in a checkout without its place."""
    checkout = _SCHEMAS.parents[2]
    folder = file.resolve().parent
    if folder.is_relative_to(checkout):
        return os.path.relpath(_SCHEMAS, folder)
    return str(_SCHEMAS)
