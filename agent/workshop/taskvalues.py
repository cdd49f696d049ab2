"""Files of plays and tasks in, out what their tasks say: to which module, and in every way variables fill it.

Nothing is rendered: what a template can become is read off the texts in it and the variables that it names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.workshop.roles import TASK_LISTS, Unsafe

_TEMPLATE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_SET = re.compile(r"\{%-?\s*set\s+(\w+)\s*=\s*(.*?)-?%\}", re.DOTALL)
_INDEX = re.compile(r"(?<=[\w\])])\[[^\]]*\]")
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PIECE = re.compile(r"'([^']*)'|\"([^\"]*)\"|([A-Za-z_]\w*)")
_FREE_FORM = re.compile(r"(\w+)=(\"[^\"]*\"|'[^']*'|(?:\{\{.*?\}\}|\S)+)")
_LOOPS = re.compile(r"loop|with_\w+")
_DEEPEST = 5  # variables that name variables
_WORDS_OF_JINJA = frozenset({"if", "else", "and", "or", "not", "in", "is", "for", "true", "false", "none"})


@dataclass(frozen=True, slots=True)
class Call:
    """A module as a task calls it: its name without its collection, its arguments, and its free text."""

    module: str
    arguments: Mapping[str, Any]
    text: Any


@dataclass
class Variables:
    """Everything that files of plays, tasks and variables give a name to, whichever of it wins in the end."""

    values: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, content: Any) -> None:
        """Take in a file: of variables, or of plays or tasks."""
        if isinstance(content, Mapping):
            self._define(content)
        else:
            self._search(content)

    def _define(self, content: Mapping[Any, Any]) -> None:
        for name, value in content.items():
            self.values[str(name)].append(value)

    def _search(self, content: Any) -> None:
        if isinstance(content, Mapping):
            for key, value in content.items():
                if _last(key) in {"vars", "set_fact"} and isinstance(value, Mapping):
                    self._define(value)
                elif key == "roles" and isinstance(value, list):
                    for role in value:
                        self._define(role if isinstance(role, Mapping) else {})
                else:
                    self._search(value)
        elif isinstance(content, list):
            for one in content:
                self._search(one)
        elif isinstance(content, str):
            for name, value in _SET.findall(content):
                self.values[name].append("{{" + value + "}}")

    def texts(self, value: Any, glue: str, seen: tuple[str, ...] = ()) -> str:
        """Return all texts in a value, templates replaced by the texts and known variables in them."""
        if isinstance(value, Mapping):
            return " ".join(self.texts(one, glue, seen) for one in value.values())
        if isinstance(value, list):
            return " ".join(self.texts(one, glue, seen) for one in value)
        if isinstance(value, Unsafe) or not isinstance(value, str):
            return str(value)
        filled = _TEMPLATE.sub(lambda found: glue.join(self._pieces(found[1], glue, seen)), value)
        return _TAG.sub(" ", filled)

    def _pieces(self, expression: str, glue: str, seen: tuple[str, ...]) -> Iterator[str]:
        for single, double, name in _PIECE.findall(expression):
            if not name:
                yield single or double
            elif name in self.values and name not in seen and len(seen) < _DEEPEST:
                yield from (self.texts(one, glue, (*seen, name)) for one in self.values[name])

    def said(self, value: Any) -> str:
        """Return what a value may say: with the parts of its templates put together, and one by one."""
        return "\n".join(dict.fromkeys(self.texts(value, glue) for glue in ("", " ")))

    def behind(self, names: Iterable[str]) -> set[str]:
        """Return these variables and all that they are made of."""
        found: set[str] = set()
        todo = set(names)
        while todo:
            found |= todo
            todo = {
                of for name in todo for value in self.values.get(name, ()) for of in names_in(value)
            } - found
        return found

    def with_loop(self, task: Mapping[str, Any]) -> Variables:
        """Return these and what the loop of a task runs over."""
        return Variables(defaultdict(list, {**self.values, **loop_of(task)}))


def loop_of(task: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what the loop of a task runs over, by the name that each of it has there; empty without one."""
    runs_over = [value for key, value in task.items() if _LOOPS.fullmatch(str(key))]
    control = task.get("loop_control")
    name = control.get("loop_var", "item") if isinstance(control, Mapping) else "item"
    return {str(name): runs_over} if runs_over else {}


def names_in(value: Any) -> set[str]:
    """Return the variables that the templates of a value name; what is only looked up by is not of it."""
    if isinstance(value, Mapping):
        return {name for one in value.values() for name in names_in(one)}
    if isinstance(value, list):
        return {name for one in value for name in names_in(one)}
    if not isinstance(value, str) or isinstance(value, Unsafe):
        return set()
    inside = (_INDEX.sub("", expression) for expression in _TEMPLATE.findall(value))
    found = (name for expression in inside for *_, name in _PIECE.findall(expression))
    return {name for name in found if name} - _WORDS_OF_JINJA


def tainted(names: Iterable[str], variables: Variables, tasks: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return these variables, and all that are set from them or registered by tasks that name them."""
    found = set(names)
    made = [(name, names_in(value)) for name, values in variables.values.items() for value in values]
    made += [(str(task["register"]), _names_of_result(task)) for task in tasks if "register" in task]
    while new := {name for name, of in made if of & found} - found:
        found |= new
    return frozenset(found)


def _names_of_result(task: Mapping[str, Any]) -> set[str]:
    """Return what decides which paths a task finds; of a search that is where it searches."""
    searched = next((value for key, value in task.items() if _last(key) == "find"), None)
    return names_in(searched.get("paths", searched.get("path")) if isinstance(searched, Mapping) else task)


def tasks_in(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every task of plays, blocks and lists of tasks."""
    for one in content if isinstance(content, list) else ():
        if not isinstance(one, Mapping):
            continue
        inner = [key for key in TASK_LISTS if isinstance(one.get(key), list)]
        if not inner:
            yield one
        for key in inner:
            yield from tasks_in(one[key])


def calls_of(task: Mapping[str, Any]) -> Iterator[Call]:
    """Yield what a task may call: every key could be a module, by any of its names."""
    extra = task.get("args")
    for key, value in task.items():
        module, given = _last(key), value
        if module in {"action", "local_action"}:
            if isinstance(value, Mapping):
                module = _last(value.get("module", ""))
            else:
                module, _, given = str(value).strip().partition(" ")
                module = _last(module)
        arguments = given if isinstance(given, Mapping) else dict(_FREE_FORM.findall(str(given)))
        arguments = {**arguments, **(extra if isinstance(extra, Mapping) else {})}
        text = given
        if isinstance(given, Mapping):
            told = (given.get(name) for name in ("cmd", "argv", "_raw_params", "command", "free_form"))
            text = next((one for one in told if one), "")
        yield Call(module, arguments, text or arguments.get("argv") or arguments.get("cmd") or "")


def leads(value: Any) -> list[str]:
    """Return the templates of a text, or of a list of words, that say which command is run."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, str) or isinstance(first, Unsafe):
        return []
    if isinstance(value, list):
        return re.findall(r"\A\s*(\{\{.*?\}\})", first, re.DOTALL)
    return re.findall(r"(?:\A|[;&|\n]|\$\(|`)\s*(\{\{.*?\}\})", first, re.DOTALL)


def _last(name: Any) -> str:
    return str(name).rpartition(".")[2]
