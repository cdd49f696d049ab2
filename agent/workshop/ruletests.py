"""Rules and their test files in; the stories that end otherwise than written, and untested rules, out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

from agent.collect import Answer, FrameBuffer, Poll
from agent.collect.logcount import LineCounter
from agent.collect.targets import UP, TargetWatch
from agent.config.conditions import LogCondition, leaves
from agent.config.promql import is_certain_when_partial, is_from_probes
from agent.config.rulefiles import Rulebook
from agent.config.ruletestfile import (
    MOST_SAMPLES,
    ExpectedIncident,
    Moment,
    RuleTest,
    RuleTestFile,
    parse_series,
    parse_values,
)
from agent.config.targetsignals import TARGET_SIGNALS
from agent.config.yamlfile import Document, KeyPath, read_yaml, validate
from agent.diagnose import IncidentLifecycle, RuleVoter, Visibility
from agent.errors import ConfigError, Problem
from agent.instance import with_host
from agent.placeholders import fill
from agent.reasons import Reason
from agent.records import Alert, Anomaly, Arrivals, Event, Frame, Incident, LogCount, LogLine
from agent.records.forecasts import Exhaustion, Remaining
from agent.workshop.seenrules import SeenRules, rules_behind

FOLDER = "tests"
_BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass(kw_only=True)
class RuleTestReport:
    """What came of the tests; ``problems`` is empty when every story ended as it must.

    ``untested`` are rules that no story makes match, ``never_silent`` those without a look-alike: an entity
    that the rule has samples of and must not name.
    """

    tests: int = 0
    problems: list[Problem] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    never_silent: list[str] = field(default_factory=list)


def run_rule_tests(book: Rulebook, files: Iterable[Path]) -> RuleTestReport:
    """Run every test of every file. A file that cannot be read is a problem like others."""
    report = RuleTestReport()
    seen = SeenRules()
    for file in files:
        try:
            document = read_yaml(file)
            content = validate(RuleTestFile, document)
        except ConfigError as error:
            report.problems += error.problems
            continue
        for index, test in enumerate(content.tests):
            report.tests += 1
            report.problems += _run(book, test, document, ("tests", index), seen)
    report.untested = sorted(book.rules.keys() - seen.matched)
    report.never_silent = sorted(seen.never_silent(book))
    return report


def rule_test_files(folders: Iterable[Path]) -> list[Path]:
    """Return the test files of rule folders."""
    return [file for folder in folders for file in sorted(folder.glob(f"{FOLDER}/*.yml"))]


def _run(
    book: Rulebook, test: RuleTest, document: Document, where: KeyPath, seen: SeenRules
) -> Iterator[Problem]:
    unknown = list(_unknown_names(book, test, document, where))
    if unknown:
        yield from unknown
        return
    moments: dict[int, list[int]] = defaultdict(list)
    for index, moment in enumerate(test.expect):
        count = round(moment.at / test.interval) + 1
        if count > MOST_SAMPLES:
            path: KeyPath = (*where, "expect", index, "at")
            yield document.problem(path, f"lies more than {MOST_SAMPLES} samples ahead")
            continue
        moments[count].append(index)
    for count, incidents in _polls(book, test, frozenset(moments), seen):
        for index in moments[count]:
            path = (*where, "expect", index)
            yield from _compare(incidents, test.expect[index], document, path, test.name)


def _unknown_names(book: Rulebook, test: RuleTest, document: Document, where: KeyPath) -> Iterator[Problem]:
    names = [
        *((("series", index), one.series) for index, one in enumerate(test.series)),
        *((("anomalies", index), one.series) for index, one in enumerate(test.anomalies)),
        *((("forecasts", index), one.series) for index, one in enumerate(test.forecasts)),
    ]
    for place, text in names:
        signal = parse_series(text).signal
        if signal not in book.signals:
            yield document.problem((*where, *place, "series"), f"there is no signal '{signal}'")
    for key in ("unanswered", "partial"):
        for index, name in enumerate(getattr(test, key)):
            if name not in book.signals:
                yield document.problem((*where, key, index), f"there is no signal '{name}'")
    for index, moment in enumerate(test.expect):
        for number, expected in enumerate(moment.incidents):
            path: KeyPath = (*where, "expect", index, "incidents", number)
            for fault in (expected.fault, *expected.explains):
                if fault not in book.faults:
                    yield document.problem((*path, "fault"), f"there is no fault '{fault}'")
            for rule in expected.rules or ():
                if rule not in book.rules:
                    yield document.problem((*path, "rules"), f"there is no rule '{rule}'")


def _polls(
    book: Rulebook, test: RuleTest, wanted: frozenset[int], seen: SeenRules
) -> Iterator[tuple[int, Mapping[int, Incident]]]:
    """Take the story poll by poll through the rules and the life of incidents, as the agent does.

    Yield the incidents that are open, by id, after so many polls as are wanted.
    """
    voter, lifecycle = RuleVoter(book), IncidentLifecycle(book.faults)
    anomalies, alerts = list(_anomalies(book, test)), list(_alerts(test))
    known: dict[int, Incident] = {}
    number = 0
    for count, frame in enumerate(_frames(book, test, wanted), 1):
        vote = voter.vote(
            frame,
            [one for one in anomalies if one.opened_at <= frame.at],
            [one for one in alerts if one.starts_at <= frame.at],
            _arrivals(book, test, frame.at),
            [candidate for one in known.values() for candidate in one.diagnosis.candidates],
            list(_expected(book, test, frame)),
        )
        shown = Visibility(frame, vote.held)
        changes = lifecycle.update(vote.candidates, list(known.values()), shown, frame.at)
        known = {one.id: one for one in changes.known if one.symptomatic}
        for incident in changes.opened:
            number += 1
            known[number] = replace(incident, id=number)
        if count in wanted:
            seen.look(book, frame, vote)
            yield count, dict(known)


def _frames(book: Rulebook, test: RuleTest, wanted: frozenset[int]) -> Iterator[Frame]:
    """Yield the frame of every poll; some signals have no answer at the polls that are looked at."""
    last = max(wanted, default=0)
    watch = TargetWatch()
    from_probes = {id_ for id_, signal in book.signals.items() if is_from_probes(signal.query)}
    buffer = FrameBuffer({**book.signals, **TARGET_SIGNALS}, max(last, 1), MOST_SAMPLES)
    named = [(parse_series(one.series), parse_values(one.values)) for one in test.series]
    for number in range(last):
        answers = {signal: Answer(0, [], []) for signal in book.signals}
        for name, values in named:
            value = values[number] if number < len(values) else float("nan")
            if not isnan(value):
                known = answers[name.signal]
                answers[name.signal] = Answer(0, [*known.labels, name.labels], [*known.values, value])
        if number + 1 in wanted:
            answers = dict(_as_answered(book, test, answers))
        at = _BEGIN + number * test.interval
        up = answers[UP].labels if UP in answers else ()
        scraped = {(one.get("job", ""), one.get("instance", "")): at.timestamp() for one in up}
        poll = Poll(at, answers, scraped=scraped)
        yield buffer.add(watch.with_targets(poll, from_probes))


def _as_answered(
    book: Rulebook, test: RuleTest, answers: Mapping[str, Answer]
) -> Iterator[tuple[str, Answer]]:
    """Yield what is left of the answers of a source that refuses some and gives a part of others."""
    for signal, answer in answers.items():
        in_part = signal in test.partial
        if signal in test.unanswered or (in_part and not is_certain_when_partial(book.signals[signal].query)):
            continue
        yield signal, replace(answer, partial="one store does not answer" if in_part else "")


def _anomalies(book: Rulebook, test: RuleTest) -> Iterator[Anomaly]:
    for one in test.anomalies:
        name = parse_series(one.series)
        labels = with_host(name.labels)
        yield Anomaly(
            entity=fill(book.signals[name.signal].entity, {**dict.fromkeys(labels, ""), **labels}),
            signal=name.signal,
            labels=labels,
            kind=one.kind,
            score=1.0,
            confidence=1.0,
            opened_at=_at(one.since),
            since=_at(one.since),
            observed=float("nan"),
            expected_low=float("nan"),
            expected_high=float("nan"),
        )


def _expected(book: Rulebook, test: RuleTest, frame: Frame) -> Iterator[Exhaustion]:
    """Yield the forecasts that stand, of series that have a sample: of others nothing is said."""
    for one in test.forecasts:
        name = parse_series(one.series)
        labels = with_host(name.labels)
        row = frame.find(name.signal, labels)
        if _at(one.since) > frame.at or row is None or isnan(frame.latest[row]):
            continue
        yield Exhaustion(
            signal=name.signal,
            entity=fill(book.signals[name.signal].entity, {**dict.fromkeys(labels, ""), **labels}),
            labels=frame.series[row].labels,
            value=float(frame.latest[row]),
            began=_at(one.since),
            remaining=Remaining(at=frame.at, left=one.left, low=one.left, high=one.left),
        )


def _alerts(test: RuleTest) -> Iterator[Alert]:
    for number, one in enumerate(test.alerts):
        yield Alert(
            fingerprint=str(number),
            name=one.alert,
            labels=with_host({"alertname": one.alert, **one.labels}),
            annotations={},
            starts_at=_at(one.since),
            received_at=_at(one.since),
        )


def _arrivals(book: Rulebook, test: RuleTest, now: datetime) -> Arrivals:
    """Return what is counted of the test's logs, as collection counts it, and its events."""
    events = [
        Event(id=str(number), kind=one.event, at=_at(one.since), message="", labels=with_host(one.labels))
        for number, one in enumerate(test.events)
    ]
    lines = [
        LogLine(id="", at=_at(one.since), message=one.message, labels=with_host(one.labels))
        for one in test.logs
        for _ in range(one.lines)
    ]
    counts: Sequence[LogCount] = ()
    if lines:
        wanted = [leaf for rule in book.rules.values() for leaf in leaves(rule.when)]
        counter = LineCounter(patterns={leaf.log for leaf in wanted if isinstance(leaf, LogCondition)})
        counted = counter.count(line for line in lines if line.at <= now)
        # a story knows no earlier log: what it holds is new when it comes
        first = {str(one.number): one.first_seen_at for one in counted.templates}
        counts = [replace(one, first_seen_at=first.get(one.key)) for one in counted.counts]
    happened = sorted((one for one in events if one.at <= now), key=lambda one: one.at)
    return Arrivals(
        now=now,
        counts=sorted(counts, key=lambda one: one.at),
        events=happened,
        read_until={"log": now, "event": now, "alert": now},
    )


def _at(since: timedelta) -> datetime:
    return _BEGIN + since


def _compare(
    found: Mapping[int, Incident], moment: Moment, document: Document, path: KeyPath, test: str
) -> Iterator[Problem]:
    left = list(found.values())
    for index, expected in enumerate(moment.incidents):
        where: KeyPath = (*path, "incidents", index)
        wanted = f"{expected.fault} on {expected.entity}"
        match = next(
            (one for one in left if (one.fault, one.entity) == (expected.fault, expected.entity)), None
        )
        if match is None:
            seen = ", ".join(f"{one.fault} on {one.entity}" for one in found.values()) or "nothing"
            yield document.problem(where, f"{test}: expected {wanted}, found {seen}")
            continue
        left.remove(match)
        for message in _differences(match, expected):
            yield document.problem(where, f"{test}: {wanted}: {message}")
    for one in left:
        why = "; ".join(one.diagnosis.candidates[0].evidence)
        message = f"{test}: {one.fault} on {one.entity} is not expected ({why})"
        yield document.problem((*path, "incidents"), message)


def _differences(found: Incident, expected: ExpectedIncident) -> Iterator[str]:
    if expected.outlasted_cause and found.reason is not Reason.CAUSE_OVER:
        yield "expected it to have been part of another incident whose cause is over"
    best, *others = found.diagnosis.candidates
    if expected.foreseen is not (best.foreseen is not None):
        yield "expected it to be foreseen" if expected.foreseen else "expected it to be there, not foreseen"
    if expected.confidence is not None and best.confidence != expected.confidence:
        yield f"expected confidence {expected.confidence:g}, found {best.confidence:g}"
    if expected.rules is not None and sorted(expected.rules) != sorted(rules_behind(best)):
        yield f"expected rules {', '.join(expected.rules)}, found {', '.join(rules_behind(best))}"
    if expected.evidence is not None and expected.evidence not in best.evidence:
        yield f"expected evidence “{expected.evidence}”, found “{'”, “'.join(best.evidence)}”"
    faults = sorted({one.fault for one in others if one.fault != best.fault})
    if sorted(expected.explains) != faults:
        wanted = ", ".join(expected.explains) or "nothing"
        yield f"expected to explain {wanted}, found {', '.join(faults) or 'nothing'}"
