"""YAML files that people write, with the line of every key kept for error messages.

The dialect is YAML 1.2's core: ``on``, ``yes`` and ``12:30`` are strings, not booleans or numbers.
Duplicate keys, and documents that grow beyond reason by aliases, are refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from agent.errors import ConfigError, Problem

KeyPath = tuple[str | int, ...]
_SPELLINGS = {
    r"^[a-z][a-z0-9_]{0,63}$": "lower case letters, digits and _, such as free_disk_space",
    r"^[a-z0-9_]+\.yml$": "the name of a file in the same folder, such as playbook.yml",
}
_KINDS = {
    "bool_parsing": ("true or false", ""),
    "bool_type": ("true or false", ""),
    "list_type": ("a list", "such as [one, two]"),
    "string_type": ("text", "put it between quotes"),
    "model_type": ("a mapping of keys and values", ""),
    "dict_type": ("a mapping of keys and values", ""),
}
_MAX_NODES = 200_000
_MAX_REPEATED = 2_000  # nodes that aliases repeat: some lines of them may stand for millions
_MAX_PROBLEMS = 100  # told of one file
_LONGEST_SHOWN = 200  # characters of a value in an error
_MAX_BYTES = 4 * 1024 * 1024


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalar rules of YAML 1.2 instead of 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$",
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
):
    _CoreLoader.add_implicit_resolver(
        _tag, re.compile(_pattern), [*_first, *([""] if "\0" in _first else [])]
    )


class Strict(BaseModel):
    """A section of a file: unknown keys refused with a suggestion, nothing changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        known |= set(cls.model_fields)
        for key in data:
            if key not in known:
                close = difflib.get_close_matches(str(key), sorted(known), n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"
                raise PydanticCustomError(
                    "unknown_key", "unknown key '{key}'", {"key": str(key), "hint": hint}
                )
        return data


@dataclass(frozen=True, slots=True)
class Document:
    """One file's content and the line on which each key path starts."""

    file: Path
    data: Any
    lines: Mapping[KeyPath, int]

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """Return a problem that points at a key path, or at its nearest known parent."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.file, message, self.lines.get(known), dotted(path), hint)


def dotted(path: Iterable[str | int]) -> str:
    """Return a key path as people write it: ``rules[2].when.all[0].signal``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(file: Path) -> Document:
    """Read one file. Raises ConfigError that names file and line when it is no clean YAML."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(file, f"cannot be read: {error.strerror}")]) from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError([Problem(file, f"is larger than {_MAX_BYTES // 1024 // 1024} MiB")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(file, "is not UTF-8 text", line)]) from error
    return parse_yaml(text, file)


def parse_yaml(text: str, file: Path) -> Document:
    """Parse YAML text as if it stood in ``file``. Raises ConfigError as ``read_yaml`` does."""
    try:
        loader = _CoreLoader(text)
    except yaml.YAMLError as error:  # a character that no text file holds
        raise ConfigError([Problem(file, f"is not valid YAML: {error}")]) from error
    try:
        node = _bounded(loader.get_single_node())
        lines: dict[KeyPath, int] = {}
        problems: list[Problem] = []
        if node is not None:
            _walk(node, (), lines, problems, file)
        if problems:
            raise ConfigError(problems)
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise ConfigError([Problem(file, f"is not valid YAML: {error.problem}", line)]) from error
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        raise ConfigError([Problem(file, f"is not valid YAML: {error}")]) from error
    finally:
        loader.dispose()
    return Document(file, data, lines)


def load_bounded(text: str, loader_class: type[yaml.SafeLoader]) -> Any:
    """Return what YAML of another dialect holds, as a loader makes it.

    Raises yaml.YAMLError, ValueError, RecursionError, as the loader does and where aliases repeat too much.
    """
    loader = loader_class(text)
    try:
        node = _bounded(loader.get_single_node())
        return loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()


def _bounded(root: yaml.Node | None) -> yaml.Node | None:
    """Return a document in which aliases repeat little, in keys too. Raises ValueError for any other."""
    seen: set[int] = set()
    repeated = 0
    left = [] if root is None else [root]
    while left:
        node = left.pop()
        repeated += id(node) in seen
        seen.add(id(node))
        if repeated > _MAX_REPEATED:
            raise ValueError("aliases repeat too much; are they nested?")
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            left += [part for pair in node.value for part in pair]
    return root


def _walk(
    node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], problems: list[Problem], file: Path
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > _MAX_NODES:
        raise ValueError("too many nodes; are aliases nested?")
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*path, index), lines, problems, file)
    elif isinstance(node, yaml.MappingNode):
        for key_node, child in node.value:
            key = str(key_node.value)
            child_path = (*path, key)
            line = key_node.start_mark.line + 1
            if child_path in lines:
                message = f"duplicate key '{key}', first on line {lines[child_path]}"
                problems.append(Problem(file, message, line, dotted(child_path)))
            lines[child_path] = line
            _walk(child, child_path, lines, problems, file)


Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model],
    document: Document,
    context: Mapping[str, Any] | None = None,
) -> Model:
    """Check a document's data against a model; ``context`` is what its validators may know.

    Raises ConfigError with one problem per mistake, each with file, line and key.
    """
    try:
        data = {} if document.data is None else document.data
        return model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        found = error.errors(include_url=False)[:_MAX_PROBLEMS]
        problems = [_to_problem(document, item) for item in found]
        raise ConfigError(list(dict.fromkeys(problems))) from error


def _to_problem(document: Document, item: Any) -> Problem:
    path: KeyPath = ()
    for part in item["loc"]:
        # pydantic puts names of union members between the keys; the file knows only keys
        if (*path, part) in document.lines:
            path = (*path, part)
    context = item.get("ctx") or {}
    kind = item["type"]
    if kind == "unknown_key":
        path = (*path, context["key"])
        return document.problem(path, f"unknown key '{context['key']}'", context["hint"])
    if kind == "missing":
        return document.problem((*path, item["loc"][-1]), "is missing")
    if kind in ("value_error", "wrong_kind"):
        return document.problem(path, str(item["msg"]).removeprefix("Value error, "))
    return document.problem(path, *_in_words(kind, item))


def _in_words(kind: str, item: Any) -> tuple[str, str]:
    """Return what pydantic has against a value in the words of people who write YAML, and a way out."""
    value, context = item["input"], item.get("ctx") or {}
    found = "" if isinstance(value, dict | list) else f", not {_short(value)}"
    if kind == "too_short":
        return "must not be empty", ""
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"{_short(value)} is not written as it must be", _SPELLINGS.get(
            pattern, f"it must fit {pattern}"
        )
    if kind in _KINDS:
        must, way_out = _KINDS[kind]
        return f"must be {must}{found}", way_out
    message = str(item["msg"]).replace("Input should be", "must be", 1)
    return message[:1].lower() + message[1:] + found, ""


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "…"
