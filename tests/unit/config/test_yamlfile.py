"""YAML read strictly, with the line of every mistake."""

import time
from pathlib import Path

import pytest
from pydantic import Field

from agent.config.yamlfile import Strict, parse_yaml, validate
from agent.errors import ConfigError

FILE = Path("x.yml")


class Inner(Strict):
    size: int = Field(ge=1)


class Outer(Strict):
    name: str
    items: list[Inner] = []


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(Outer, parse_yaml(text, FILE))
    return [str(problem) for problem in caught.value.problems]


def test_yaml_12_knows_no_booleans_but_true_and_false():
    assert parse_yaml("on: [yes, off, 12:30, 2026-01-01]", FILE).data == {
        "on": ["yes", "off", "12:30", "2026-01-01"]
    }


def test_an_unknown_key_names_line_key_and_the_likely_word():
    assert problems("name: a\nitmes: []\n") == ["x.yml:2: itmes: unknown key 'itmes' (did you mean 'items'?)"]


def test_a_wrong_value_deep_inside_names_its_line():
    assert problems("name: a\nitems:\n  - size: 3\n  - size: 0\n")[0].startswith("x.yml:4: items[1].size:")


def test_a_missing_key_points_at_the_place_it_is_missing_in():
    assert problems("items: []\n") == ["x.yml:1: name: is missing"]


def test_every_mistake_is_told_at_once():
    assert len(problems("items:\n  - size: 0\n  - size: x\n")) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "x.yml:2: a: duplicate key 'a', first on line 1"),
        ("a: [1, 2\nb: 3\n", "x.yml:2: is not valid YAML"),
        ("a: !!python/object/apply:os.system ['id']\n", "could not determine a constructor"),
        ("a: !!bool maybe\n", "is not valid YAML"),
        ("\tname: a\n", "is not valid YAML"),
    ],
)
def test_what_is_no_clean_yaml_is_refused_with_its_line(text, said):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, FILE)
    assert said in str(caught.value)


def test_nested_aliases_do_not_eat_the_memory():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    with pytest.raises(ConfigError, match="aliases"):
        parse_yaml(bomb, FILE)


def test_an_empty_file_is_an_empty_mapping():
    assert problems("")[0].endswith("name: is missing")


def nested_aliases(depth: int, width: int = 9) -> str:
    """Return a few hundred bytes that stand for ``width`` to the power of ``depth`` nodes."""
    lines = ["a0: &a0 [x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, depth)]
    return "\n".join(lines)


@pytest.mark.parametrize("depth", [5, 6, 9, 30])
def test_a_few_lines_cannot_stand_for_millions(depth):
    began = time.monotonic()
    with pytest.raises(ConfigError, match="aliases"):
        parse_yaml(nested_aliases(depth), FILE)
    assert time.monotonic() - began < 10


def test_merged_mappings_cannot_stand_for_millions():
    merged = [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="aliases"):
        parse_yaml("\n".join(["a0: &a0 {k: v}", *merged]), FILE)


@pytest.mark.parametrize("shape", ["? [{}]\n: 1", "{{[{}]: 1}}", "x: !!set {{? [{}]}}", "x: !!omap [{}]"])
def test_keys_cannot_stand_for_millions_either(shape):
    bomb = ", ".join(line.partition(": ")[2] for line in nested_aliases(9, 10).splitlines())
    with pytest.raises(ConfigError, match="aliases"):
        parse_yaml(shape.format(bomb), FILE)


def test_an_error_does_not_show_a_value_of_megabytes():
    assert len(problems(f"name: a\nitems:\n  - size: {'y' * 10**6}")[0]) < 400


def test_aliases_are_allowed_where_they_repeat_little():
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]", FILE).data["b"] == [[1, 2], [1, 2]]
