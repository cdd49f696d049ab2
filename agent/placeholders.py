"""``{label}`` placeholders in rule and remediation files, filled for people or, quoted, for PromQL.

This is not a template language: nothing is evaluated, a value is only put in place of a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.quantity import format_value

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([a-z]+))?\}")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def names(template: str) -> tuple[str, ...]:
    """Return the names a template asks for, each once, in order."""
    return tuple(dict.fromkeys(match[1] for match in PLACEHOLDER.finditer(template)))


def fill(template: str, values: Mapping[str, str | float | None]) -> str:
    """Put values in place of placeholders, for people to read.

    Raises KeyError with the name when a value is missing. Control characters are shown as ``?`` and
    very long values are cut, so that a hostile label cannot forge a log line or flood a page.
    """

    def put(match: re.Match[str]) -> str:
        return format_value(values[match[1]], match[2])

    return PLACEHOLDER.sub(put, template)


def quote_for_promql(query: str, values: Mapping[str, str]) -> str:
    """Put values into the quoted strings of a PromQL query so that they stay strings.

    In a regular expression matcher (``=~``, ``!~``) the value is escaped to match itself only.
    Raises KeyError with the name when a value is missing.
    """

    def put_string(literal: re.Match[str]) -> str:
        is_pattern = query[: literal.start()].rstrip().endswith("~")

        def put(match: re.Match[str]) -> str:
            value = values[match[1]]
            return promql_escape(re2_escape(value) if is_pattern else value)

        return PLACEHOLDER.sub(put, literal[0])

    return _STRING.sub(put_string, query)


def unquoted_names(query: str) -> tuple[str, ...]:
    """Return the placeholders of a query that stand outside a double-quoted string.

    They would change what the query means, so the loader refuses them.
    """
    return names(_STRING.sub('""', query))


def re2_escape(value: str) -> str:
    """Return a regular expression of Prometheus' kind that matches a value and nothing else."""
    # Python's own re.escape also escapes blanks, which Prometheus' RE2 refuses.
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)


def promql_escape(value: str) -> str:
    """Return a value as it stands between double quotes in PromQL."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
