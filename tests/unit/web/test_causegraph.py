"""The causal graph as a picture: causes above effects, inside a phone's width, no two in one place."""

import itertools

import pytest

from agent.web.pages.causegraph import WIDTH, draw_causes


def report(*links, cause="db"):
    """Make a report of ``(cause, effect, share)``."""
    names = {name for link in links for name in link[:2]} | {cause}
    return {
        "root_causes": [{"entity": cause}],
        "graph": {
            "nodes": [{"entity": name, "trouble": "errors"} for name in sorted(names)],
            "edges": [
                {"cause": [a, "errors"], "effect": [b, "latency"], "share": share, "why": f"{b} calls {a}"}
                for a, b, share in links
            ],
        },
    }


def test_each_effect_is_below_what_causes_it():
    picture = draw_causes(report(("db", "app", 0.9), ("app", "web", 0.8), ("db", "web", 0.2)))
    at = {box.name: box.y for box in picture.boxes}
    assert at["db"] < at["app"] < at["web"]
    assert [box.name for box in picture.boxes if box.cause] == ["db"]
    assert picture.summary == "From db, the likeliest cause, to web"
    assert "90% of the latency of app comes from db: app calls db" in picture.words


def test_who_blames_each_other_stands_by_the_stronger_blame():
    picture = draw_causes(report(("db", "app", 0.9), ("app", "db", 0.3), ("app", "app", 1.0)))
    assert len(picture.arrows) == 1
    assert picture.words == ["90% of the latency of app comes from db: app calls db"]


@pytest.mark.parametrize("effects", [1, 3, 9, 40])
def test_however_many_there_are_no_box_lies_on_another_or_outside(effects):
    picture = draw_causes(report(*[("db", f"service-{n}", 0.9) for n in range(effects)]))
    assert len(picture.boxes) == min(effects + 1, 10)
    for box in picture.boxes:
        assert 0 <= box.x <= WIDTH - picture.box_width
        assert 0 <= box.y <= picture.height - picture.box_height
    for one, other in itertools.combinations(picture.boxes, 2):
        apart = abs(one.x - other.x) >= picture.box_width or abs(one.y - other.y) >= picture.box_height
        assert apart


@pytest.mark.parametrize(
    "name", ["x" * 200, "a/" * 90, "mail.example.org:9100/postfix@outgoing.service", "é" * 23]
)
def test_names_of_any_length_fit_into_their_box(name):
    picture = draw_causes(report((name, "app", 0.9), cause=name))
    (box,) = [box for box in picture.boxes if box.cause]
    assert box.name == name
    assert len(box.lines) <= 2
    assert all(len(line) <= 22 for line in box.lines)


@pytest.mark.parametrize("told", [{}, {"root_causes": []}, {"root_causes": [{"entity": "db"}]}, report()])
def test_what_spread_to_nobody_has_no_picture(told):
    assert draw_causes(told) is None
