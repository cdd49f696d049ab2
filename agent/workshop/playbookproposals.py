"""What came of remediations in, patches of their files for people to apply out, each with its figures.

Nothing is changed. Only runs of the very files that stand there now count, by their digest: what people have
changed since has to show first what it does.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.config.rulefiles import Rulebook
from agent.config.stock import stock_folder
from agent.decide import Remediation
from agent.errors import OpsmendError
from agent.learn.remediations import track_records
from agent.learn.serialchanges import Serials, serial_changes
from agent.learn.stepchanges import step_changes
from agent.records.attempts import Attempt
from agent.records.changes import NoChange, SuggestedChange
from agent.workshop.changedfiles import changed_texts, check_changed, diff_of
from agent.workshop.places import Places
from agent.workshop.roles import read_ansible


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookProposal:
    """A change of one remediation as a patch. ``runs`` are those whose figures speak for it.

    ``folder`` is where the patch is applied, ``copy`` the stock remediation that is copied there before.
    """

    id: str
    remediation: Remediation
    change: SuggestedChange
    runs: int
    diff: str
    folder: Path
    copy: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProposed:
    """What could be better of a remediation, and why nothing is proposed for it."""

    remediation: str
    about: str
    why: str


def find_proposals(
    catalog: Mapping[str, Remediation],
    book: Rulebook,
    places: Places,
    attempts: Iterable[Attempt],
    is_current: Callable[[str, Path], bool],
) -> tuple[list[PlaybookProposal], list[NotProposed]]:
    """Return what is proposed, and what could be better without a proposal.

    ``is_current`` says whether a digest is of what stands in a remediation's folder now.
    """
    by_name: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        by_name[one.remediation].append(one)
    proposals: list[PlaybookProposal] = []
    left: list[NotProposed] = []
    for name, own in sorted(by_name.items()):
        opportunities = [text for record in track_records(own) for text in record.opportunities]
        remediation = catalog.get(name)
        if remediation is None:
            left += [_left(name, text, "there is no such remediation any more") for text in opportunities]
            continue
        digests = {one.digest for one in own if one.digest}
        now = {digest for digest in digests if is_current(digest, remediation.folder)}
        current = [one for one in own if one.digest in now]
        found = list(_of(remediation, current, book, places))
        proposed = [one for one in found if isinstance(one, PlaybookProposal)]
        proposals += proposed
        left += [one for one in found if isinstance(one, NotProposed)]
        if opportunities and not proposed:
            why = _why_not(len(current), len(own))
            left += [_left(name, text, why) for text in dict.fromkeys(opportunities)]
    return proposals, left


def combined_diff(proposals: Sequence[PlaybookProposal], book: Rulebook, places: Places) -> str:
    """Return one patch of several proposals, which the loader takes with all of them. Raises OpsmendError."""
    by_name: dict[str, list[PlaybookProposal]] = defaultdict(list)
    for one in proposals:
        by_name[one.remediation.name].append(one)
    diff = ""
    for own in by_name.values():
        texts = changed_texts(own[0].remediation, [edit for one in own for edit in one.change.edits])
        check_changed(own[0].remediation, texts, book, places.roles)
        diff += diff_of(own[0].remediation, texts)
    return diff


def _of(
    remediation: Remediation, attempts: Sequence[Attempt], book: Rulebook, places: Places
) -> Iterator[PlaybookProposal | NotProposed]:
    changes = [
        *step_changes(remediation.file, attempts),
        *serial_changes(_serials(remediation), attempts),
    ]
    for one in changes:
        if isinstance(one, NoChange):
            yield _left(remediation.name, one.about, one.why)
            continue
        try:
            texts = changed_texts(remediation, one.edits)
            check_changed(remediation, texts, book, places.roles)
        except OpsmendError as error:
            yield _left(remediation.name, one.what, f"{one.why}; but {error}")
            continue
        folder, copy = where_to_apply(remediation, places)
        yield PlaybookProposal(
            id=_id(remediation, one),
            remediation=remediation,
            change=one,
            runs=len(attempts),
            diff=diff_of(remediation, texts),
            folder=folder,
            copy=copy,
        )


def _serials(remediation: Remediation) -> Serials:
    """Return what ``serial`` the plays of each step's playbook have; what imports others is left out."""
    found = {}
    for name in dict.fromkeys(step.playbook for step in remediation.file.steps):
        try:
            plays = read_ansible(remediation.folder / name)
        except OpsmendError:
            continue
        if isinstance(plays, list) and all(isinstance(one, Mapping) and "hosts" in one for one in plays):
            found[name] = [str(one.get("serial", "")) for one in plays]
    return found


def where_to_apply(remediation: Remediation, places: Places) -> tuple[Path, Path | None]:
    """Return where a patch is applied, and what is copied there first: stock files are overridden."""
    root = remediation.folder.parent
    stock = (stock_folder() / "playbooks").resolve()
    own = [folder for folder in places.playbooks if folder.resolve() != stock]
    if root.resolve() == stock and own:
        return own[-1], remediation.folder
    return root, None


def _id(remediation: Remediation, change: SuggestedChange) -> str:
    """Return what people call it by, the same while it would change the same."""
    known_by = repr((remediation.name, [(one.file, one.path, one.value) for one in change.edits]))
    return hashlib.blake2b(known_by.encode(), digest_size=4).hexdigest()


def _left(name: str, about: str, why: str) -> NotProposed:
    return NotProposed(remediation=name, about=about, why=why)


def _why_not(current: int, all_: int) -> str:
    if not current:
        return f"none of its {all_} runs is of the files as they are now"
    of = f"{current} of its {all_} runs are of the files as they are now"
    return f"{of}; no time limit, retry or order of hosts follows from their figures"
