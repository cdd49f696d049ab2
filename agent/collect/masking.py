"""A log line in, its shape out: the line with everything that looks like a value replaced by ``<*>``.

One set of patterns for every system. What counts as a value is written the same way everywhere: dates,
URLs, paths, addresses, amounts with their unit, dotted names, and every word with a digit in it. Names of
exceptions stay, because they say what went wrong.
"""

from __future__ import annotations

import re

WILDCARD = "<*>"

_EDGE = r"""\s=:,;()\[\]{}"'<>|"""  # what stands between words
_WORD = rf"[^{_EDGE}]"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?"
_UNIT = (
    r"(?:(?:[kKMGTP]i?)?[bB](?:ytes?|its?)?(?:/s(?:ec)?)?|[mun]?s(?:ec(?:ond)?s?)?|min(?:ute)?s?"
    r"|h(?:ou)?rs?|[kMG]?Hz)"
)
_VALUES = (
    rf"(?:{_DAY},?\s+)?{_MONTH}\.?\s+\d{{1,2}}(?=[\s,])(?:,?\s+{_CLOCK})?(?:\s+[A-Z]{{3,4}}\b)?(?:,?\s+\d{{4}}\b)?",
    r"""[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>\])]+""",
    r"""(?:[A-Za-z]:)?(?:[/\\][^\s/\\,;:=|"'()\[\]<>]+){2,}[/\\]?""",
    r"(?:[0-9a-fA-F]{1,4}:){4,7}:?[0-9a-fA-F]{1,4}(?![\w:])",
    rf"[-+]?\d[\d.,]*\s{_UNIT}\b",
    rf"[^{_EDGE}\d@]*[\d@]{_WORD}*",
    r"(?![\w.]+(?:Exception|Error|Throwable)\b)[A-Za-z_][\w-]*(?:\.[\w-]+){2,}",
)
_VALUE = re.compile(rf"(?<!{_WORD})(?:{'|'.join(_VALUES)})")
# a list of values is one value, however long it is
_LIST = re.compile(r"<\*>(?:(?:[,;:]? ?|\s+|\\ ?|[-_/.#])<\*>)+")


def mask(line: str) -> str:
    """Return the shape of a line.

    >>> mask("Failed password for root from 10.0.0.7 port 4711, took 30 ms")
    'Failed password for root from <*> port <*>, took <*>'
    """
    masked = _VALUE.sub(WILDCARD, line).replace(" ()", " (<*>)")  # an empty bracket is a value left out
    return _LIST.sub(WILDCARD, masked)
