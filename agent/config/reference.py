"""The schema of the settings in, every option with type, default and meaning out; and the page of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from agent.config.effective import LIVE, is_under
from agent.config.scalars import Duration, format_duration
from agent.config.settings import Settings

PAGE = Path("docs/settings.md")
_SPAN = TypeAdapter(timedelta)
_DURATION: str = TypeAdapter(Duration).json_schema()["pattern"]
_HEAD = """# Every setting

`/etc/opsmend/opsmend.yml` holds what differs from the defaults below; `opsmend config show` prints what is in
force and where each value comes from, `opsmend check` what is wrong. Every option can also come from the
environment: `OPSMEND_COLLECT__PROMETHEUS__URL` is `collect.prometheus.url`. Durations are written as `15s`,
`5m`, `1h30m`, `7d`. Relative paths count from the folder of the file; those of secrets are looked up among
systemd's credentials first. A changed value is in force after `opsmend reload` or after a restart, as the
last column says; `opsmend status` names those that are not in force yet.

This page is made from the schema by `make schemas`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option as people look it up. ``default`` is empty where there is none."""

    key: str
    kind: str
    default: str
    required: bool
    description: str


def options() -> Iterator[Option]:
    """Yield every option of the settings, in the order of the file."""
    schema = Settings.model_json_schema(by_alias=True)
    yield from _walk(schema, "", schema["$defs"])


def section_of(option: Option) -> str:
    """Return the room or part that an option belongs to: the first word of its key."""
    return option.key.partition(".")[0]


def reference_text() -> str:
    """Return the page of all options as Markdown."""
    sections: dict[str, list[str]] = {}
    for option in options():
        default = f"`{option.default}`" if option.default else "must be given" if option.required else ""
        changed_by = "reload" if is_under(option.key, LIVE) else "restart"
        cells = (f"`{option.key}`", option.kind, default, option.description, changed_by)
        row = " | ".join(cell.replace("|", "\\|") for cell in cells)
        sections.setdefault(section_of(option), []).append(f"| {row} |")
    tables = (
        f"\n## {name}\n\n| option | type | default | meaning | changed by |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
        for name, rows in sections.items()
    )
    return _HEAD + "".join(tables)


def _walk(schema: Mapping[str, Any], prefix: str, models: Mapping[str, Any]) -> Iterator[Option]:
    for name, field in schema.get("properties", {}).items():
        key = f"{prefix}.{name}" if prefix else name
        inner, place = _inner(field, key, models)
        if inner is not None and "properties" in inner:
            yield from _walk(inner, place, models)
        elif inner is None:
            yield Option(
                key=key,
                kind=_kind(field),
                default=_default(field),
                required=name in schema.get("required", ()),
                description=str(field.get("description", "")),
            )


def _inner(field: Mapping[str, Any], key: str, models: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the section that a field holds, or None, and the key under which its options stand."""
    for choice in field.get("anyOf", [field]):
        if "$ref" in choice:
            return models[choice["$ref"].rpartition("/")[2]], key
        items = choice.get("items", {})
        if isinstance(items, Mapping) and "$ref" in items:
            return models[items["$ref"].rpartition("/")[2]], f"{key}[]"
        named = choice.get("additionalProperties")
        if isinstance(named, Mapping) and "$ref" in named:
            return models[named["$ref"].rpartition("/")[2]], f"{key}.NAME"
    return None, key


def _kind(field: Mapping[str, Any]) -> str:
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    return " or ".join(dict.fromkeys(map(_one_kind, choices)))


def _one_kind(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if _is_duration(field):
        return "duration"
    if field.get("format") == "path":
        return "path"
    words = {"string": "text", "boolean": "true or false", "array": "list", "object": "mapping"}
    word = words.get(str(field.get("type")), str(field.get("type", "any")))
    return f"{word}{_bounds(field)}"


def _is_duration(field: Mapping[str, Any]) -> bool:
    return str(field.get("pattern")) == _DURATION


def _bounds(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum")
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    if low is not None:
        return f", above {low:g}" if "exclusiveMinimum" in field else f", at least {low:g}"
    return f", at most {high:g}" if high is not None else ""


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if value is None:
        return ""
    if _is_duration(field):
        return format_duration(_SPAN.validate_python(value))
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
