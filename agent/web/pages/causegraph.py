"""What an investigation found out in, the causal graph as a picture of fixed width out, causes above effects.

The picture is as wide as a phone shows it, so that it is read there without being scaled down: at most two
boxes stand side by side, and a rank with more of them goes on in the next row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 340
_ABREAST, _BOX_WIDTH, _BOX_HEIGHT, _GAP = 2, 160, 64, 34
_MOST = 10  # entities in the picture; the words below it tell of no others
_SLIGHT = 0.05  # a share of blame that is not worth an arrow
_LONGEST_LINE = 22  # characters that fit into a box

Link = Mapping[str, Any]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Box:
    """An entity: where its box is, two lines of its name, what is wrong with it, whether it is the cause."""

    x: float
    y: float
    name: str
    lines: Sequence[str]
    trouble: str
    cause: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a cause to its effect, as the path of an SVG, the wider the more of the effect it explains."""

    path: str
    width: float


@dataclass(frozen=True, slots=True)
class CausePicture:
    """What a template draws. ``words`` say the same as the picture, one sentence an arrow."""

    height: int
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    words: Sequence[str]
    summary: str
    width: int = WIDTH
    box_width: int = _BOX_WIDTH
    box_height: int = _BOX_HEIGHT


def draw_causes(report: Mapping[str, Any]) -> CausePicture | None:
    """Return the picture of how the trouble spread from the likeliest cause, or None when it did not."""
    causes, graph = report.get("root_causes"), report.get("graph")
    if not causes or not graph:
        return None
    first = str(causes[0]["entity"])
    links = _acyclic(_between_entities(graph["edges"]))
    chosen = _connected(first, links)
    links = {pair: link for pair, link in links.items() if set(pair) <= chosen}
    if not links:
        return None
    places = _places(_ranks(chosen, links), links)
    troubles = _troubles(graph["nodes"])
    boxes = [_box(name, place, troubles.get(name, ""), name == first) for name, place in places.items()]
    arrows = [_arrow(places[cause], places[effect], link["share"]) for (cause, effect), link in links.items()]
    rows = 1 + max(round(y / (_BOX_HEIGHT + _GAP)) for _, y in places.values())
    felt = sorted(chosen - {cause for cause, _ in links})
    return CausePicture(
        height=rows * (_BOX_HEIGHT + _GAP) - _GAP,
        boxes=boxes,
        arrows=arrows,
        words=[_sentence(pair, link) for pair, link in links.items()],
        summary=f"From {first}, the likeliest cause, to {', '.join(felt)}",
    )


def _between_entities(edges: Sequence[Link]) -> dict[Pair, Link]:
    """Return the strongest link from each cause to each effect, the strongest first."""
    strongest: dict[Pair, Link] = {}
    for link in sorted(edges, key=lambda one: -one["share"]):
        pair = (str(link["cause"][0]), str(link["effect"][0]))
        if pair[0] != pair[1] and link["share"] >= _SLIGHT:
            strongest.setdefault(pair, link)
    return strongest


def _acyclic(links: Mapping[Pair, Link]) -> dict[Pair, Link]:
    """Leave out the weakest link of every ring: what is above must not be below too."""
    kept: dict[Pair, Link] = {}
    for (cause, effect), link in links.items():
        if cause not in _below(effect, kept):
            kept[cause, effect] = link
    return kept


def _below(start: str, links: Mapping[Pair, Link]) -> set[str]:
    reached, coming = {start}, [start]
    while coming:
        here = coming.pop()
        more = {effect for cause, effect in links if cause == here} - reached
        reached |= more
        coming += more
    return reached


def _connected(first: str, links: Mapping[Pair, Link]) -> set[str]:
    """Return the cause and what hangs together with it, by the strongest links first."""
    chosen = {first}
    while len(chosen) < _MOST:
        near = (pair for pair in links if len(set(pair) & chosen) == 1)
        found = next(near, None)
        if found is None:
            break
        chosen |= set(found)
    return chosen


def _ranks(chosen: set[str], links: Mapping[Pair, Link]) -> list[list[str]]:
    """Return the entities by rank: each below everything that causes it."""
    rank = dict.fromkeys(sorted(chosen), 0)
    for _ in chosen:
        for cause, effect in links:
            rank[effect] = max(rank[effect], rank[cause] + 1)
    return [[name for name in rank if rank[name] == number] for number in range(max(rank.values()) + 1)]


def _places(ranks: Sequence[Sequence[str]], links: Mapping[Pair, Link]) -> dict[str, tuple[float, float]]:
    """Return the upper left corner of each box; effects stand near their causes."""
    places: dict[str, tuple[float, float]] = {}
    row = 0
    for names in ranks:

        def beside(name: str) -> float:
            above = [places[cause][0] for cause, effect in links if effect == name and cause in places]
            return sum(above) / len(above) if above else 0.0

        ordered = sorted(names, key=beside)
        for begin in range(0, len(ordered), _ABREAST):
            abreast = ordered[begin : begin + _ABREAST]
            free = WIDTH - len(abreast) * _BOX_WIDTH
            for column, name in enumerate(abreast):
                x = free / (len(abreast) + 1) * (column + 1) + column * _BOX_WIDTH
                places[name] = round(x, 1), row * (_BOX_HEIGHT + _GAP)
            row += 1
    return places


def _box(name: str, place: tuple[float, float], trouble: str, cause: bool) -> Box:
    return Box(*place, name, list(_lines(name)), trouble, cause)


def _lines(name: str) -> Iterator[str]:
    """Yield a name in two lines at most, broken where names are made of parts, each short enough."""
    if len(name) <= _LONGEST_LINE:
        yield name
        return
    breaks = [place for place in range(1, len(name)) if name[place] in "/:@ "]
    middle = min(breaks, key=lambda place: abs(place - len(name) / 2), default=len(name) // 2)
    for part in (name[:middle], name[middle:]):
        yield part if len(part) <= _LONGEST_LINE else f"{part[:10]}…{part[-11:]}"


def _arrow(cause: tuple[float, float], effect: tuple[float, float], share: float) -> Arrow:
    x, y = cause[0] + _BOX_WIDTH / 2, cause[1] + _BOX_HEIGHT
    to_x, to_y = effect[0] + _BOX_WIDTH / 2, effect[1] - 7  # the head of the arrow is as long
    bend = max(16.0, (to_y - y) / 2)
    path = f"M{x:g} {y:g}C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
    return Arrow(path, round(1 + 3 * share, 1))


def _troubles(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for node in nodes:
        found.setdefault(str(node["entity"]), []).append(_called(node["trouble"]))
    return {name: ", ".join(dict.fromkeys(troubles)) for name, troubles in found.items()}


def _called(trouble: str) -> str:
    return {"surge": "more traffic", "drought": "less traffic", "other": "unusual"}.get(trouble, trouble)


def _sentence(pair: Pair, link: Link) -> str:
    what = _called(link["effect"][1])
    return f"{link['share']:.0%} of the {what} of {pair[1]} comes from {pair[0]}: {link['why']}"
