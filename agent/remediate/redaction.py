"""What a run had to hide in, texts without it out.

The run's own process tells each value as it comes up: out of a vault, behind ``no_log``, in a variable whose
name says that it is secret. Where a vault of the run could not be opened nobody knows what to take out, and
no text is kept.
"""

from __future__ import annotations

import html
import json
import re
import shlex
import time
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

from agent.log import Logger

log = Logger("remediate")

_SHORTEST = 4  # characters; shorter values would blacken ordinary words
_SHORTEST_LINE = 8
_SHOWN = "[secret]"
_PATIENCE_S = 30.0
_NO_CHARACTER = re.compile(
    "[\ud800-\udfff\x00]"
)  # halves, from bytes that are no UTF-8, and what no store takes
_LOOK_AGAIN_S = 0.02
_CODED = re.compile("%[0-9A-F]{2}")
_UNUSUAL = re.compile(r"[^\w@%+=:,./-]")  # what a shell would not take as it is
_IN_SCRIPTS = {ord(one): f"\\u{ord(one):04x}" for one in "&<>'"}  # JSON inside HTML
# between parts of one text that is written on several lines, as it is or as JSON has it, or as a list. All
# white space, for programs fold at words too; one class of it alone, for a host may send as much as it likes
_FOLD = re.compile(r"""\s+|(?:\\r)?\\n|["'],\s*["']""")


class Report:
    """What a run's process says beside its events, read as it is written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self.secrets: set[str] = set()
        self.unopened: list[str] = []
        self.unmarked: set[str] = set()
        self.became: list[dict[str, str]] = []
        self.refused = ""
        self.began = False
        self.ready = False
        self.over = False  # the process has ended, and adds nothing any more but what it has begun

    def look(self) -> None:
        """Take what was added since the last look."""
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._read)
                content = stream.read()
        except OSError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        for kind, content in json.loads(line).items():
            match kind:
                case "secrets":
                    self.secrets.update(content)
                case "unopened":
                    self.unopened.append(str(content))
                case "unmarked":
                    self.unmarked.add(str(content))
                case "became":
                    self.became.append(content)
                case "refused":
                    self.refused = str(content)
                case "began":
                    self.began = True
                case "ready":
                    self.ready = True


class Secrets:
    """Texts that nobody may see in, other texts without them out, however they are written there."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._forms = {form for one in texts for form in _forms(one)}
        self._folded = {_FOLD.sub("", form) for form in self._forms}

    def taken_out_of(self, text: str) -> str:
        """Return a text without any of them, and without halves of characters."""
        clean = _without_folded(self._folded, _without(self._forms, text))
        return _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", clean)


class Redactor:
    """Takes what a run had to hide out of texts. Before it knows all of it, it waits."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known = 0
        self._secrets = Secrets()
        self._gave_up = False

    def clean(self, text: str) -> str:
        """Return a text without secrets and without halves of characters, or why it is not kept."""
        if not text:
            return text
        why = self._wait_until_ready()
        if why:
            return f"[not kept: {why}]"
        if len(self._report.secrets) != self._known:
            self._known = len(self._report.secrets)
            self._secrets = Secrets(self._report.secrets)
        return self._secrets.taken_out_of(text)

    @property
    def withheld(self) -> str:
        """Return why no text of the run is kept, or nothing."""
        self._report.look()
        if self._report.unopened:
            places = ", ".join(dict.fromkeys(self._report.unopened))
            return f"a vault could not be opened, so nobody can say what in it is secret: {places}"
        return ""

    def _wait_until_ready(self) -> str:
        until = time.monotonic() + (0.0 if self._gave_up else _PATIENCE_S)
        while not (withheld := self.withheld) and not self._is_complete() and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_S)
        if withheld or self._is_complete():
            return withheld
        if not self._gave_up:
            log.warning("the secrets of a run are not known in time", seconds=_PATIENCE_S)
        self._gave_up = True
        return "the secrets of the run were not known in time"

    def _is_complete(self) -> bool:
        # what ended before it looked at its first play has opened nothing, and says only why
        return self._report.ready or (self._report.over and not self._report.began)


def _without(forms: Iterable[str], text: str) -> str:
    pattern = _pattern(forms, text, _SHORTEST)
    return pattern.sub(_SHOWN, text) if pattern is not None else text


def _pattern(forms: Iterable[str], text: str, shortest: int) -> re.Pattern[str] | None:
    """Return what finds the forms that are in a text: most are in none, and each makes a pattern slower."""
    there = [form for form in forms if len(form) >= shortest and form in text]
    # long ones first, so that one that contains another is taken whole
    return re.compile("|".join(map(re.escape, sorted(there, key=len, reverse=True)))) if there else None


def _without_folded(forms: Iterable[str], text: str) -> str:
    """Take out what stands on several lines, or in several texts of a list, because somebody folded it."""
    pieces, places, length, end = [], [], 0, 0
    for fold in _FOLD.finditer(text):
        places.append((length, end))
        pieces.append(text[end : fold.start()])
        length += fold.start() - end
        end = fold.end()
    joined = "".join([*pieces, text[end:]])
    pattern = _pattern(forms, joined, _SHORTEST_LINE) if pieces else None
    if pattern is None:
        return text
    places.append((length, end))
    shown, last = [], 0
    for match in pattern.finditer(joined):
        start, stop = (_place(places, one) for one in (match.start(), match.end() - 1))
        shown += [text[last:start], _SHOWN]
        last = stop + 1
    return "".join([*shown, text[last:]])


def _place(places: Sequence[tuple[int, int]], number: int) -> int:
    """Return where a character of the joined text stands in the one with folds."""
    joined, original = places[bisect_right(places, number, key=lambda one: one[0]) - 1]
    return original + number - joined


def _forms(secret: str) -> Iterator[str]:
    """Yield a value as it may stand in output: bare, line by line, and as programs write it."""
    bare = secret.strip()
    if len(bare) < _SHORTEST:
        return
    yield bare
    lines = bare.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE)
    for text in {secret, bare}:
        yield repr(text)[1:-1]
        for ascii_only in (True, False):
            once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            yield from (once, json.dumps(once, ensure_ascii=ascii_only)[1:-1], once.replace("/", "\\/"))
            yield once.translate(_IN_SCRIPTS)
        for kept in ("/", ""):
            coded = quote(text, safe=kept, errors="replace")
            yield from (coded, _CODED.sub(lambda one: one[0].lower(), coded))
        yield quote_plus(text, errors="replace")
        yield html.escape(text)
        yield html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
        yield shlex.quote(text).removeprefix("'").removesuffix("'")
        yield text.replace("'", "'\\''")  # sh -x
        yield text.replace("'", "''")  # YAML, SQL
        yield _UNUSUAL.sub(r"\\\g<0>", text)  # printf %q
        yield from _encoded(text.encode("utf-8", "replace"))


def _encoded(data: bytes) -> Iterator[str]:
    """Yield bytes in hexadecimal, and in base64 as they look alone and in the middle of something longer."""
    yield data.hex()
    yield data.hex().upper()
    found = [b64encode(data).decode().rstrip("=")]
    for before in range(3):  # bytes of a group of three that belong to what stands before
        text = b64encode(bytes(before) + data).decode()
        # a character of six bits that has some of a neighbour's says nothing
        core = text[-(-before * 8 // 6) : len(text) if (before + len(data)) % 3 == 0 else text.find("=") - 1]
        found += [core] if len(core) >= _SHORTEST_LINE else []
    yield from found
    yield from (one.replace("+", "-").replace("/", "_") for one in found)
