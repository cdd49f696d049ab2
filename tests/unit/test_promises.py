"""docs/safety.md names a test for each promise: it is there, and has tests in it."""

import re

import pytest

PLACES = {"U": "tests/unit", "I": "tests/integration"}
NAMED = re.compile(r"`((?:U|I|tests)/[\w/]+\.py)`|`(make [\w-]+)")


def rows(root):
    """Every row of the tables of promises, with the tests that it names."""
    lines = (root / "docs" / "safety.md").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if re.fullmatch(r"\| promise \| test \|", line)]
    for start in starts:
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            promise, tests = line.strip("| ").split(" | ")
            yield promise, [first or second for first, second in NAMED.findall(tests)], tests


def test_each_promise_names_its_tests_and_they_are_there(root):
    found = list(rows(root))
    assert len(found) > 25
    makefile = (root / "Makefile").read_text()
    for promise, tests, cell in found:
        assert tests, promise
        assert cell.count("`") == 2 * len(tests), f"{promise}: {cell} names what is no path"
        for test in tests:
            if test.startswith("make "):
                assert re.search(rf"^{test.removeprefix('make ')}:", makefile, re.MULTILINE), test
                continue
            place, _, rest = test.partition("/")
            file = root / PLACES.get(place, place) / rest
            assert file.is_file(), f"{promise}: there is no {test}"
            assert re.search(r"^\s*def test_", file.read_text(), re.MULTILINE), test


@pytest.mark.parametrize("page", ["docs/safety.md", "docs/threats.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_no_page_names_a_test_that_is_not_there(root, page):
    named = re.findall(r"`(tests/[\w/]+\.py)", (root / page).read_text())
    assert [name for name in named if not (root / name).is_file()] == []
