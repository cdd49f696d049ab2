"""``opsmend learning patterns``: what came again and again and nobody named, as drafts for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json
from agent.cli.rules import show_problems
from agent.config import Settings, load_rules
from agent.config.rulefiles import Rulebook
from agent.decide import load_catalog
from agent.errors import NotFoundError, RefusedError, SourceError
from agent.records.cases import PastIncident
from agent.store import Stores
from agent.wiring import make_source
from agent.workshop.drafting import keep
from agent.workshop.healthytime import HealthyRange, healthy_ranges, troubles_of
from agent.workshop.patternoffers import Known, Offer, Remedy, offer_for
from agent.workshop.patterns import Pattern, find_patterns
from agent.workshop.places import Places
from agent.workshop.ruledraft import Draft

_MOST = 2000  # incidents, the newest; older ones are of a system that has changed since
_RULES, _PLAYBOOKS = Path("rules"), Path("playbooks")


def show_patterns(config: Path | None, id_: str | None, output: Path | None, json: bool) -> None:
    """List patterns, show one with its drafts, or write the drafts of one into a folder."""
    settings, stores = settings_and_stores(config)
    try:
        offers = _offers(settings, stores, id_)
    finally:
        stores.close()
    if id_ is not None and not offers:
        raise NotFoundError(f"there is no pattern '{id_}'; 'opsmend learning patterns' lists them")
    if output is not None:
        _keep(offers, output)
    if json:
        print_json({"patterns": [_described(one) for one in offers]})
        return
    if not offers:
        console.print("nothing came again and again without a name")
    for one in offers:
        _show(one, in_whole=id_ is not None)
    if output is not None:
        console.print(f"[green]wrote[/]  the draft under {escape(str(output))}; look at it, then")
        for command in ("rules check", "rules test", "playbooks check", "reload"):
            console.print(f"  [bold]opsmend {command}[/]")
    elif id_ is not None and offers[0].draft is not None and not offers[0].why_not:
        command = f"opsmend learning patterns {id_} --output FOLDER"
        console.print(f"nothing was written; [bold]{command}[/] does, such as to /etc/opsmend")


def _offers(settings: Settings, stores: Stores, id_: str | None) -> list[Offer]:
    places = Places(rules=settings.paths.rules, playbooks=settings.paths.playbooks)
    book = load_rules(places.rules)
    past = _past(stores)
    patterns = [one for one in find_patterns(past) if id_ in (None, one.id)]
    incidents = [one.incident for one in past]
    healthy, unknown = _healthy(settings, book, patterns, past)
    known = Known(
        incidents=incidents,
        told=stores.alerts.told,
        healthy=healthy,
        healthy_unknown=unknown,
        asked=lambda number: (stores.run_requests.of_incident(number), stores.runs.of_incident(number)),
        now=datetime.now(UTC),
    )
    catalog = load_catalog(places.playbooks, book.faults)
    return [offer_for(one, book, places, catalog, known) for one in patterns]


def _past(stores: Stores) -> list[PastIncident]:
    """Return the newest incidents, those that are not over too, with what people said."""
    over = list(stores.cases.past(_MOST, every_word=True))
    active = [one for one in stores.incidents.active() if not one.state.final]
    return over + [
        PastIncident(incident=one, said=tuple(stores.feedback.list(incident_id=one.id))) for one in active
    ]


def _healthy(
    settings: Settings, book: Rulebook, patterns: Sequence[Pattern], past: Sequence[PastIncident]
) -> tuple[Mapping[str, HealthyRange], str]:
    """Return how far the signals of patterns went in healthy time, or why that is not known."""
    names = {name for one in patterns if not one.sources("alert") for name in _signals(one)}
    signals = {name: book.signals[name] for name in sorted(names & book.signals.keys())}
    if not signals:
        return {}, ""
    source = make_source(settings)
    try:
        with console.status("asking Prometheus for healthy time…"):
            end = source.now()
            troubles = troubles_of((one.incident for one in past), end)
            return healthy_ranges(source, signals, end, troubles), ""
    except SourceError as error:
        return {}, str(error)
    finally:
        source.close()


def _signals(pattern: Pattern) -> list[str]:
    return [*pattern.sources("high"), *pattern.sources("low")]


def _keep(offers: Sequence[Offer], output: Path) -> None:
    """Write the drafts of a pattern under a folder. Raises RefusedError where none is offered."""
    (one,) = offers
    if one.draft is None or one.why_not:
        raise RefusedError(f"no draft is offered: {one.why_not}")
    files = {_RULES / name: text for name, text in one.draft.files.items()}
    for number, remedy in enumerate(one.remedies, 1):
        files.update({_PLAYBOOKS / name: text for name, text in remedy.files.items()})
        if remedy.diff:
            files[Path(f"{one.fault}-{number}.patch")] = remedy.diff
    keep(Draft(files=files, notes=()), output)


def _show(one: Offer, in_whole: bool) -> None:
    pattern = one.pattern
    numbers = ", ".join(str(incident.id) for incident in pattern.incidents[-10:])
    shown = ", ".join(sorted({name.partition(":")[2] for name in pattern.shared if ":" in name}))
    console.print(
        f"[bold]{pattern.id}[/]  {len(pattern.past)} incidents on {pattern.times} occasions ({numbers}), "
        f"{pattern.alike:.0%} alike: {escape(shown) or 'nothing that nearly all show'}",
        soft_wrap=True,
    )
    if one.why_not:
        console.print(f"  [yellow]no draft[/]  {escape(one.why_not)}", soft_wrap=True)
    elif one.proof is not None:
        console.print(f"  [green]draft[/]  {escape(_proved(one))}", soft_wrap=True)
    for remedy in one.remedies:
        _show_remedy(remedy, in_whole and not one.why_not)
    if in_whole and one.draft is not None and not one.why_not:
        _show_files({_RULES / name: text for name, text in one.draft.files.items()})
        show_problems((), one.draft.notes)


def _proved(one: Offer) -> str:
    proof = one.proof
    assert proof is not None
    text = (
        f"fault {one.fault}: its rule names {proof.named} of the {len(one.pattern.past)}, "
        f"none of {proof.others} other incidents"
    )
    if one.bounds:
        return f"{text}, and nothing in {proof.healthy_samples} healthy samples"
    return f"{text}, and none of {proof.firings} firings lies outside of them"


def _show_remedy(one: Remedy, in_whole: bool) -> None:
    console.print(f"  [bold]people[/]  {escape(one.what)}", soft_wrap=True)
    if one.why_not:
        console.print(f"  [yellow]no draft[/]  {escape(one.why_not)}", soft_wrap=True)
    for note in one.notes:
        console.print(f"    {escape(note)}", soft_wrap=True)
    if in_whole:
        _show_files({_PLAYBOOKS / name: text for name, text in one.files.items()})
        if one.diff:
            console.print(escape(one.diff), soft_wrap=True, highlight=False)


def _show_files(files: Mapping[Path, str]) -> None:
    for name, text in files.items():
        console.print(f"[bold]# {escape(str(name))}[/]", soft_wrap=True)
        console.print(escape(text), soft_wrap=True, highlight=False)


def _described(one: Offer) -> dict[str, Any]:
    pattern, draft = one.pattern, one.draft
    return {
        "id": pattern.id,
        "incidents": [incident.id for incident in pattern.incidents],
        "times": pattern.times,
        "alike": round(pattern.alike, 3),
        "shows": sorted(pattern.shared),
        "called": pattern.called,
        "fault": one.fault,
        "why_not": one.why_not,
        "bounds": one.bounds,
        "proof": one.proof,
        "files": {str(_RULES / name): text for name, text in draft.files.items()} if draft else {},
        "notes": draft.notes if draft else (),
        "people": [
            {
                "what": remedy.what,
                "why_not": remedy.why_not,
                "notes": remedy.notes,
                "files": {str(_PLAYBOOKS / name): text for name, text in remedy.files.items()},
                "diff": remedy.diff,
            }
            for remedy in one.remedies
        ],
    }
