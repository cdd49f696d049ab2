"""A body of Prometheus' HTTP API in, samples out, with what it says of itself: whole, or in part only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agent.collect.base import Answer, Range
from agent.errors import AnswerError
from agent.records import Doubt, RecordingRule

_LATEST_S = 32_503_680_000  # the year 3000
_MOST_REMARKS = 5  # are told
_LONGEST_REMARK = 300
# what an engine has to say of a query, and not of the data
_NOTE = "PromQL info"
_HISTOGRAM = "it is a native histogram, which is no single number"


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer holds: its data, why it is not whole, and what the engine remarks about the query."""

    data: Any
    partial: str
    notes: Sequence[str]


def to_body(body: Any, name: str) -> Body:
    """Return what a successful answer holds. Raises AnswerError when it is none."""
    if not isinstance(body, dict) or body.get("status") != "success":
        said = body.get("error") if isinstance(body, dict) else None
        if said:
            raise AnswerError(f"{name} answers with an error: {_short(said)}")
        raise AnswerError(f"{name} sent no answer of its API; is the URL right?")
    warnings, infos = _texts(body.get("warnings")), _texts(body.get("infos"))
    # up to version 2.5x an engine's remarks come among the warnings
    notes = [*infos, *(text for text in warnings if text.startswith(_NOTE))]
    missing = [text for text in warnings if not text.startswith(_NOTE)]
    missing += _texts(body.get("error"))
    if body.get("isPartial"):  # VictoriaMetrics
        missing.append("some of its storage nodes did not answer")
    partial = f"{name} answers in part only: {'; '.join(missing[:_MOST_REMARKS])}" if missing else ""
    return Body(body.get("data"), partial, notes)


def to_answer(body: Body, name: str) -> Answer:
    """Return an instant vector, or a scalar as one. Raises AnswerError for anything else."""
    data = body.data
    try:
        kind, result = data["resultType"], data["result"]
        if kind in ("scalar", "string"):
            return Answer(_time(result[0]), [{}], [_number(result[1])], body.partial)
        if kind != "vector":
            raise AnswerError(f"{name} answers a {kind}; the query must give an instant vector")
        listed = _listed(result)
        samples = [sample for sample in listed if "value" in sample or not sample["histogram"]]
        return Answer(
            _time(samples[0]["value"][0]) if samples else 0.0,
            [_labels(sample["metric"]) for sample in samples],
            [_number(sample["value"][1]) for sample in samples],
            body.partial,
            [Doubt(_labels(sample["metric"]), _HISTOGRAM) for sample in listed if "value" not in sample],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _misshapen(name, error) from error


def to_range(body: Body, name: str, start: float, end: float, step_s: float) -> Range:
    """Return a matrix with a value, or None, for every step. Raises AnswerError for anything else."""
    count = int((end - start) / step_s + 1e-6) + 1
    labels, values = [], []
    for metric, samples in series_of(body, name):
        row: list[float | None] = [None] * count
        for moment, number in samples:
            place = round((moment - start) / step_s)
            if 0 <= place < count and number == number:
                row[place] = number
        labels.append(metric)
        values.append(row)
    return Range([start + step_s * place for place in range(count)], labels, values, body.partial)


def series_of(body: Body, name: str) -> Iterable[tuple[Mapping[str, str], list[tuple[float, float]]]]:
    """Yield labels and samples of each series of a matrix. Raises AnswerError for anything else."""
    data = body.data
    try:
        if data["resultType"] != "matrix":
            raise AnswerError(f"{name} answers a {data['resultType']} to a range query")
        for series in _listed(data["result"]):
            samples = [(float(moment), _number(value)) for moment, value in series.get("values", ())]
            yield _labels(series["metric"]), samples
    except (KeyError, TypeError, ValueError) as error:
        raise _misshapen(name, error) from error


def _listed(result: Any) -> list[dict[str, Any]]:
    """Return the parts of a result. Raises TypeError: what is no answer is not taken for an empty one."""
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise TypeError
    return result


def _labels(metric: Any) -> dict[str, str]:
    if not isinstance(metric, dict) or not all(isinstance(value, str) for value in metric.values()):
        raise TypeError
    return metric


def _time(moment: Any) -> float:
    seconds = float(moment)
    if not 0 <= seconds < _LATEST_S:
        raise ValueError
    return seconds


def _number(text: Any) -> float:
    if "_" in str(text):  # Python's own way to write 1000 as 1_000, which no source has
        raise ValueError
    return float(text)


def _misshapen(name: str, error: Exception) -> AnswerError:
    # the type and not the text: that would be a piece of the answer
    return AnswerError(f"{name} sent an answer of another shape: {type(error).__name__}")


def _texts(remarks: Any) -> list[str]:
    if not isinstance(remarks, list):
        return [_short(remarks)] if remarks else []
    return [_short(one) for one in remarks]


def _short(text: object) -> str:
    return str(text)[:_LONGEST_REMARK]


def to_recording_rules(content: Any) -> dict[str, RecordingRule]:
    """Return the recording rules of ``/api/v1/rules`` by name; what is no such answer has none.

    Of several that record under one name the one that is evaluated least often counts.
    """
    found: dict[str, RecordingRule] = {}
    try:
        for group in content["data"]["groups"]:
            interval = timedelta(seconds=float(group["interval"]))
            for rule in group["rules"]:
                known = found.get(str(rule["name"]))
                if rule["type"] == "recording" and (known is None or known.interval < interval):
                    found[str(rule["name"])] = RecordingRule(str(rule["query"]), interval)
    except (KeyError, TypeError, ValueError):
        return {}
    return found
