"""The text of a YAML file in, the same text with one value changed out: all else stays as people wrote it.

The place is found by the marks of the parser, so comments, order and layout are kept. What cannot be changed
in this way, such as what an alias repeats, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from agent.config.yamlfile import KeyPath, dotted, parse_yaml

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.%-]*")
_HERE = Path("the file")


def with_value(text: str, path: KeyPath, value: str | int) -> str:
    """Return a text in which the key at a path has a value; the key is added where there is none.

    The value is one word, such as ``90s``. Raises ValueError where it cannot be done, ConfigError when the
    text is no YAML.
    """

    def change(data: Any) -> None:
        parent = _data_at(data, path[:-1])
        parent[path[-1]] = value

    return _checked(text, _put(text, path, _word(value)), change)


def with_item(text: str, path: KeyPath, value: str) -> str:
    """Return a text in which the list at a path has one entry more, a word. Raises as ``with_value``."""

    def change(data: Any) -> None:
        _data_at(data, path).append(value)

    return _checked(text, _append(text, path, _word(value)), change)


def _word(value: str | int) -> str:
    word = str(value)
    if not _PLAIN.fullmatch(word):
        raise ValueError(f"'{word:.40}' is no plain word")
    return word


def _put(text: str, path: KeyPath, word: str) -> str:
    parent = _node_at(text, path[:-1])
    if not isinstance(parent, yaml.MappingNode):
        raise ValueError(f"{dotted(path[:-1])} is no mapping")
    for key, value in parent.value:
        if key.value == path[-1]:
            return _replaced(text, value, word, path)
    return _added(text, parent, f"{path[-1]}: {word}")


def _replaced(text: str, value: yaml.Node, word: str, path: KeyPath) -> str:
    start, end = value.start_mark, value.end_mark
    if not isinstance(value, yaml.ScalarNode) or start.line != end.line or start.index == end.index:
        raise ValueError(f"{dotted(path)} is no value on one line")
    if text[start.index] in "&*!":
        raise ValueError(f"{dotted(path)} has an anchor, an alias or a tag")
    return f"{text[: start.index]}{word}{text[end.index :]}"


def _append(text: str, path: KeyPath, word: str) -> str:
    node = _node_at(text, path)
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise ValueError(f"{dotted(path)} is no list with entries")
    if node.flow_style:
        return _after_last(text, node.value[-1], word)
    return _new_line(text, node.value[-1], node.start_mark.column, f"- {word}")


def _added(text: str, parent: yaml.MappingNode, pair: str) -> str:
    if not parent.value:
        raise ValueError("the mapping is empty")
    if parent.flow_style:
        return _after_last(text, parent.value[-1][1], pair)
    # after what stands on one line: what goes on below it would take the new line in
    own = [(key, value) for key, value in parent.value if key.start_mark.line == value.end_mark.line]
    if not own:
        raise ValueError("no key of the mapping stands on one line")
    key, value = own[-1]
    return _new_line(text, value, key.start_mark.column, pair)


def _after_last(text: str, last: yaml.Node, more: str) -> str:
    end = last.end_mark.index
    return f"{text[:end]}, {more}{text[end:]}"


def _new_line(text: str, before: yaml.Node, column: int, line: str) -> str:
    if before.start_mark.line != before.end_mark.line:
        raise ValueError("the entry before it goes over several lines")
    end = text.find("\n", before.end_mark.index)
    if end < 0:
        return f"{text}\n{' ' * column}{line}"
    carriage = "\r" if text[end - 1] == "\r" else ""
    return f"{text[: end + 1]}{' ' * column}{line}{carriage}\n{text[end + 1 :]}"


def _node_at(text: str, path: KeyPath) -> yaml.Node:
    """Return the node at a path. Raises ValueError where there is none, or where it is an alias."""
    node: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    for part in path:
        child = _child(node, part)
        if child is None:
            raise ValueError(f"there is no {dotted(path)}")
        assert node is not None
        inside = (
            node.start_mark.index <= child.start_mark.index <= child.end_mark.index <= node.end_mark.index
        )
        if not inside:
            raise ValueError(f"{dotted(path)} is an alias: what it stands for is written elsewhere")
        node = child
    if node is None:
        raise ValueError("the file is empty")
    return node


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _data_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _unshared(data: Any) -> Any:
    """Return a copy in which what aliases repeat is there as often as it is meant."""
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(one) for one in data] if isinstance(data, list) else data


def _checked(old: str, new: str, change: Callable[[Any], None]) -> str:
    """Return the new text when it says what the old one says but for the change. Raises ValueError."""
    wanted = _unshared(parse_yaml(old, _HERE).data)
    change(wanted)
    if parse_yaml(new, _HERE).data != wanted:
        raise ValueError("changing it would change more than that")
    return new
