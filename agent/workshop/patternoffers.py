"""A pattern in, what is offered for it out: a fault with a rule and its story, and what people did about it.

A rule is offered where it names nearly every incident of the pattern, none of the others that the store
holds, and nothing in healthy time. Where that cannot be looked at it is not offered.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.config.rulefiles import Rulebook
from agent.decide import Remediation
from agent.decide.catalog import load_remediation
from agent.errors import OpsmendError
from agent.learn.recurring import NEARLY_ALL
from agent.records import Alert, Incident, Run, RunRequest
from agent.records.changes import Edit
from agent.workshop.adopt import Adoption, adopt
from agent.workshop.changedfiles import FIXES, changed_texts, check_changed, diff_of
from agent.workshop.drafting import try_out
from agent.workshop.handwork import RanByHand, notes_of, playbook_of, ran_by_hand, what_was_typed
from agent.workshop.healthytime import HealthyRange, fired_outside
from agent.workshop.patterndraft import SignalBound, alerts_of, draft_pattern
from agent.workshop.patternproof import named_by
from agent.workshop.patterns import Pattern
from agent.workshop.places import Places
from agent.workshop.playbookproposals import where_to_apply
from agent.workshop.ruledraft import Draft

FEWEST_HELPED = 2
"""Times that a remediation must have helped before it is offered for a new fault."""
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an offer is judged by: other incidents of the store, alerts as they fired, healthy time.

    ``healthy_unknown`` says why nothing is known of healthy time, and is empty otherwise. ``asked`` are the
    requests for an incident with their runs.
    """

    incidents: Sequence[Incident]
    told: Callable[[str], Sequence[Alert]]
    healthy: Mapping[str, HealthyRange]
    healthy_unknown: str
    asked: Callable[[int], tuple[Sequence[RunRequest], Sequence[Run]]]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How many incidents of a pattern a rule names, and what else it was held against."""

    named: int
    others: int
    others_named: Sequence[int]
    healthy_samples: int = 0
    firings: int = 0
    firings_outside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What people did, as a draft: files of a new remediation, or a patch of one that there is."""

    what: str
    notes: Sequence[str] = ()
    files: Mapping[Path, str] = field(default_factory=dict)
    diff: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A pattern with its draft; ``why_not`` says why none is offered, and is empty where one is."""

    pattern: Pattern
    fault: str = ""
    draft: Draft | None = None
    bounds: Sequence[SignalBound] = ()
    proof: Proof | None = None
    remedies: Sequence[Remedy] = ()
    why_not: str = ""


def offer_for(
    pattern: Pattern, book: Rulebook, places: Places, catalog: Mapping[str, Remediation], known: Known
) -> Offer:
    """Return what is offered for a pattern. It raises nothing: what is wrong is why nothing is offered."""
    newest = {name: told[0] for name in alerts_of(pattern) if (told := known.told(name))}
    try:
        draft, bounds = draft_pattern(pattern, book, newest, known.healthy)
        after = try_out(draft, places.rules)
    except OpsmendError as error:
        why = str(error)
        if known.healthy_unknown and not pattern.sources("alert"):
            why = f"{why}: {known.healthy_unknown}"
        return Offer(pattern=pattern, why_not=why)
    rules = [one for id_, one in after.rules.items() if id_ not in book.rules]
    ids = {one.id for one in pattern.incidents}
    proof = Proof(
        named=len(named_by(rules, after, pattern.incidents)),
        others=sum(one.id not in ids for one in known.incidents),
        others_named=named_by(rules, after, [one for one in known.incidents if one.id not in ids]),
        healthy_samples=sum(known.healthy[one.signal].samples for one in bounds),
        **_firings(pattern, known),
    )
    return Offer(
        pattern=pattern,
        fault=rules[0].fault,
        draft=draft,
        bounds=bounds,
        proof=proof,
        remedies=tuple(_remedies(pattern, rules[0].fault, after, places, catalog, known)),
        why_not=_objection(pattern, proof),
    )


def _firings(pattern: Pattern, known: Known) -> dict[str, int]:
    """Return how often the rarest of the alerts fired: a rule that asks for all of them finds no more.

    Of an alert that fired in these incidents and of which no firing is kept nobody knows how rare it is.
    """
    told = [found for name in alerts_of(pattern) if (found := known.told(name))]
    counted = [(fired_outside(one, pattern.incidents, known.now), len(one)) for one in told]
    outside, all_ = min(counted, default=(0, 0))
    return {"firings": all_, "firings_outside": outside}


def _objection(pattern: Pattern, proof: Proof) -> str:
    count = len(pattern.past)
    if proof.named < NEARLY_ALL * count:
        return f"it would name {proof.named} of these {count} incidents only"
    if proof.others_named:
        numbers = ", ".join(map(str, proof.others_named[:10]))
        return f"it would name {len(proof.others_named)} of {proof.others} other incidents too ({numbers})"
    if alerts_of(pattern) and not proof.firings:
        return "no firing of its alert is kept, so nobody knows when else it fired"
    if proof.firings_outside:
        return f"{proof.firings_outside} of {proof.firings} times its alert fired outside of these incidents"
    return ""


def _remedies(
    pattern: Pattern,
    fault: str,
    book: Rulebook,
    places: Places,
    catalog: Mapping[str, Remediation],
    known: Known,
) -> list[Remedy]:
    asked = [known.asked(one.id) for one in pattern.incidents]
    ran = ran_by_hand([one for some, _ in asked for one in some], [one for _, some in asked for one in some])
    found = [_of_run(one, fault, book, places, catalog) for one in ran]
    typed = what_was_typed(pattern.past)
    if typed is not None:
        name = f"by_hand_{fault}"[:_LONGEST_NAME].rstrip("_")
        notes = notes_of(typed)
        with tempfile.TemporaryDirectory(prefix="opsmend-draft-") as place:
            found.append(
                _adopted(playbook_of(typed), Adoption(name=name, fault=fault), book, Path(place), notes)
            )
    return found


def _of_run(
    one: RanByHand, fault: str, book: Rulebook, places: Places, catalog: Mapping[str, Remediation]
) -> Remedy:
    """Return a remediation that people had run as one that fixes the fault, as a patch."""
    who = ", ".join(one.people)
    what = f"{who} had {one.remediation} run {one.runs} times, and it helped {one.helped} times"
    remediation = catalog.get(one.remediation)
    if remediation is None:
        return Remedy(what=what, why_not="there is no such remediation any more")
    if one.helped < FEWEST_HELPED or 2 * one.helped <= one.runs:
        return Remedy(what=what, why_not=f"it takes {FEWEST_HELPED} times, and more than half of all")
    if fault in remediation.file.fixes:
        return Remedy(what=what, why_not=f"it fixes {fault} already")
    try:
        texts = changed_texts(remediation, [Edit("remediation.yml", (FIXES,), fault)])
        check_changed(remediation, texts, book, places.roles)
    except OpsmendError as error:
        return Remedy(what=what, why_not=str(error))
    folder, copy = where_to_apply(remediation, places)
    first = f", once {copy} is copied there, since it is stock" if copy is not None else ""
    note = f"the patch is for 'patch -p1' in {folder}{first}"
    return Remedy(what=what, notes=(note,), diff=diff_of(remediation, texts))


def _adopted(text: str, wanted: Adoption, book: Rulebook, place: Path, notes: Sequence[str]) -> Remedy:
    """Return lines that people typed as a remediation of their own, with what is dangerous in it."""
    what = "what people typed, as a draft that fails until somebody has read it"
    playbook = place / "typed.yml"
    playbook.write_text(text, encoding="utf-8")
    try:
        files, more = adopt(playbook, wanted, book, place / "playbooks")
        load_remediation(place / "playbooks" / wanted.name, book.faults)
    except OpsmendError as error:
        return Remedy(what=what, notes=tuple(notes), why_not=str(error).replace(str(place), "…"))
    texts = {file.relative_to(place / "playbooks"): file.read_text(encoding="utf-8") for file in files}
    return Remedy(what=what, notes=(*notes, *(one.replace(str(playbook), "it") for one in more)), files=texts)
