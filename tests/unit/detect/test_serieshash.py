"""Series are found again by their hashes, whatever becomes of the rows."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.serieshash import HashedRows, hash_of
from agent.records import Series

labels = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
named = st.tuples(st.text(max_size=5), labels)


def series(*names):
    return [Series("cpu", name, {"host": name}) for name in names]


def hashes_of(*names):
    return np.array([hash_of("cpu", {"host": name}) for name in names], np.uint64)


@given(st.lists(named, max_size=20, unique_by=lambda one: (one[0], tuple(sorted(one[1].items())))))
def test_each_series_is_found_at_its_row(known):
    rows = [Series(signal, "", own) for signal, own in known]
    wanted = np.array([hash_of(signal, own) for signal, own in known], np.uint64)
    assert HashedRows().find(rows, wanted).tolist() == list(range(len(known)))


def test_a_hash_is_the_same_in_every_process_and_in_any_order_of_labels():
    code = "from agent.detect.serieshash import hash_of; print(hash_of('cpu', {'b': '2', 'a': '1'}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(other) == hash_of("cpu", {"a": "1", "b": "2"})


def test_no_series_at_all():
    assert HashedRows().find([], hashes_of("web1")).tolist() == [-1]


@given(st.data())
def test_series_come_and_go(data):
    hashed, shown, made = HashedRows(), [], 0
    for _ in range(6):
        kept = [row for row in range(len(shown)) if data.draw(st.booleans())]
        if len(kept) < len(shown):
            hashed.keep(np.array(kept, np.intp))
            shown = [shown[row] for row in kept]
        more = data.draw(st.integers(0, 3))
        shown, made = shown + [f"web{made + one}" for one in range(more)], made + more
        expected = [shown.index(f"web{n}") if f"web{n}" in shown else -1 for n in range(made)]
        assert hashed.find(series(*shown), hashes_of(*(f"web{n}" for n in range(made)))).tolist() == expected
