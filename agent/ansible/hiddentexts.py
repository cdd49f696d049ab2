"""Something hidden in, every text out by which somebody could know it again.

Values, whatever they look like; keys of mappings, unless they are names, as fields, hosts and users have
them; and what somebody may take out of one text: values of a document, of settings, of an address.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from typing import Any

import yaml

from agent.cleantext import is_name, secrets_of_url

_SHORTEST_NUMBER = 6  # digits; shorter ones are ports, sizes and seconds
_LOOKS_LIKE_YAML = re.compile(r":\s|^[ \t]*- |^[ \t]*[\[{!?&]", re.MULTILINE)
_URL = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
# a line of an ini file, of an environment, of a properties file, of a password file
_SETTING = re.compile(r"""(?:export\s+)?["']?[\w.-]+["']?\s*[=:]\s*(.*)""")
_QUOTED = re.compile(r"""(["'])(.*)\1""")
# scalars that tell nothing where they stand unquoted
_WORDS = re.compile(r"(?:true|false|yes|no|on|off|null|none|~)?$", re.IGNORECASE)
_FEW_DIGITS = re.compile(r"\d{1,5}$")
_LIKE_A_PASSWORD = re.compile(r"(?=.*\d).{8,}")
_COLUMN = re.compile(r"[^\s,;|]+")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_TEMPLATE = re.compile(r"\{\{|\{%")
_REFERENCE = re.compile(r"\s*\{\{\s*[\w.]+\s*\}\}\s*")  # all that it gives is held elsewhere


def texts_in(
    value: Any, names: Container[str] = (), left_out: Container[str] = (), prefix: str = "\0"
) -> Iterator[str]:
    """Yield the texts of a hidden value.

    ``names`` are of hosts and groups, which are no secrets where they are keys. What stands under a key of
    ``left_out``, or under one that begins with ``prefix``, tells nothing.
    """
    waiting, seen = [value], {}  # of strangers, as deep as they like, and in itself
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping | list | tuple | set | frozenset):
            if id(one) in seen:
                continue
            seen[id(one)] = one  # kept, or another could have its number
        if isinstance(one, Mapping):
            for key, child in one.items():
                if key not in left_out and not str(key).startswith(prefix):
                    yield from key_texts(key, names)
                    waiting.append(child)
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif not isinstance(one, str) or one not in names:
            yield from _texts_of(one)
            waiting += _inside(one)


def key_texts(key: Any, names: Container[str]) -> Iterator[str]:
    """Yield the key of a mapping if it is a secret, as far as anybody can tell."""
    text = str(key)
    if text.isdecimal():
        yield from _number(text)
    elif text not in names and not is_name(text):
        yield text


def texts_of_vault(plaintext: bytes, names: Container[str] = ()) -> list[str]:
    """Return what a vault held: the texts of a file of variables, of another file, or of one value."""
    text = plaintext.decode("utf-8", "surrogateescape")
    # as it is written, and as Ansible makes numbers of it
    loaders = (_Plain, yaml.SafeLoader) if _LOOKS_LIKE_YAML.search(text) else ()
    documents = [one for loader in loaders for one in _documents(text, loader)]
    if any(isinstance(one, Mapping | list | set) for one in documents):
        alone = [] if "\n" in text.strip() else [text]  # it may be a password that only looks like a document
        return [*texts_in(documents, names), *alone]
    columns = [told for one in _COLUMN.findall(text) if one not in names for told in _column(one)]
    return [*texts_in(text, names), *columns]


def _documents(text: str, loader: type[yaml.SafeLoader]) -> list[Any]:
    try:
        return list(yaml.load_all(text, loader))
    except Exception:  # whatever a file that is no YAML, or has tags of its own, makes a reader raise
        return []


def _column(text: str) -> Iterator[str]:
    """Yield what stands between spaces and commas, if it is no name, or one that people make passwords of."""
    if text.isdecimal():
        yield from _number(text)
    elif not is_name(text) or _LIKE_A_PASSWORD.match(text):
        yield text


def is_template(text: str) -> bool:
    """Return whether a text is rendered before it is used, and what comes of it may hold some of it."""
    return _TEMPLATE.search(text) is not None and not _REFERENCE.fullmatch(text)


class _Plain(yaml.SafeLoader):
    """YAML with every scalar as it is written, whatever its tag."""


def _plainly(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    match node:
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
    return node.value


_Plain.yaml_implicit_resolvers = {}
for _tells_nothing in (_WORDS, _FEW_DIGITS):
    _Plain.add_implicit_resolver("tag:yaml.org,2002:null", _tells_nothing, None)
_Plain.add_multi_constructor("!", _plainly)


def _texts_of(value: Any) -> Iterator[str]:
    """Yield a single value as it is written, if anybody could know it again, and its parts."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        text = str(value)
        yield text
        yield from _settings(text)
        for url in _URL.findall(text):
            yield from secrets_of_url(url)
    elif isinstance(value, int | float):
        with suppress(ValueError):  # more digits than Python writes, and Ansible neither
            yield from _number(str(abs(value)))


def _settings(text: str) -> Iterator[str]:
    """Yield the values of lines of settings, with what may be a remark and without."""
    for line in text.splitlines():
        found = _SETTING.fullmatch(line.strip().rstrip(",;").rstrip())
        if found is None:
            continue
        for value in (found[1], found[1].partition(" #")[0].rstrip()):
            quoted = _QUOTED.fullmatch(value)
            yield quoted[2] if quoted else value
        yield from (one for one in found[1].split(":") if not one.isdecimal() and not is_name(one))


def _number(text: str) -> Iterator[str]:
    if len(text) >= _SHORTEST_NUMBER:
        yield text


def _inside(value: Any) -> list[Any]:
    """Return what a text is the written form of, which somebody may read: JSON, base64."""
    if not isinstance(value, str):
        return []
    try:
        if value.lstrip()[:1] in ("{", "["):
            return [json.loads(value)]
        read = b64decode(value).decode() if _BASE64.fullmatch(value.strip()) else ""
    except (ValueError, RecursionError):
        return []
    return [read] if read.replace("\n", "").isprintable() and read else []
