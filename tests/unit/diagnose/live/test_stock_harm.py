"""The stock rules: whose trouble counts as harm of what they found, and whose does not."""

import pytest

from agent.config import load_rules
from agent.diagnose import RuleVoter
from tests.make import frame

LONG = 200  # samples: more than three quarters of an hour, as long as the slowest of these rules waits
ON = "host=w1 instance=w1:9100"
SHOP = f"{ON} groupname=shop"
WELL = {
    ("http_probe_success", f"{ON} unit=other.service"): [1.0],
    ("http_probe_status", f"{ON} unit=other.service"): [200.0],
    ("http_probe_seconds", f"{ON} unit=other.service"): [0.1],
}
BAD = {
    ("http_probe_success", f"{ON} unit=other.service"): [0.0],
    ("http_probe_status", f"{ON} unit=other.service"): [503.0],
    ("http_probe_seconds", f"{ON} unit=other.service"): [9.0],
}
RUNAWAY = {
    ("process_cpu_cores", SHOP): [1.0],
    ("process_cpu_share", SHOP): [0.5],
    ("process_cpu_usual", SHOP): [0.0],
    ("process_others_waiting", SHOP): [0.0],
    ("host_cpu_busy", ON): [0.5],
}
FILES = {("process_open_files", SHOP): [0.92]}
CONFIG = {
    ("config_valid", f"{ON} unit=shop.service"): [0.0],
    ("unit_active", f"{ON} unit=shop.service"): [1.0],
    ("http_probe_success", f"{ON} unit=shop.service"): [1.0],
    ("http_probe_status", f"{ON} unit=shop.service"): [200.0],
}
LEAK = {
    ("process_memory_growth", SHOP): [2e8],
    ("host_memory_available", ON): [0.2],
    ("host_memory_left", ON): [4e9],
    ("host_memory_stall", ON): [0.0],
    ("host_oom_kills", ON): [0.0],
}
MEMORY = {
    ("host_memory_available", ON): [0.08],
    ("host_memory_left", ON): [4e9],
    ("host_memory_stall", ON): [0.0],
    ("host_oom_kills", ON): [0.0],
}
ZOMBIES = {("host_zombies", ON): [500.0], ("host_processes_used", ON): [0.1]}


@pytest.fixture(scope="module")
def book(root):
    return load_rules([root / "rules"])


def harm_of(book, fault, *seen):
    series = {key: values * LONG for one in seen for key, values in one.items()}
    (found,) = [one for one in RuleVoter(book).vote(frame(series)).candidates if one.fault == fault]
    return found.harm


FOUND = [
    ("runaway_process", RUNAWAY),
    ("file_descriptors_exhausted", FILES),
    ("config_invalid", CONFIG),
    ("service_leaks", LEAK),
    ("memory_pressure", MEMORY),
    ("zombies", ZOMBIES),
]


@pytest.mark.parametrize(("fault", "seen"), FOUND)
def test_what_another_service_of_the_host_suffers_from_is_not_held_against_this(book, fault, seen):
    harm = harm_of(book, fault, seen, BAD)
    assert not harm.seen
    assert not harm.unknown


@pytest.mark.parametrize(
    ("fault", "seen", "suffering"),
    [
        ("runaway_process", RUNAWAY, {("process_others_waiting", SHOP): [3.0]}),
        ("runaway_process", RUNAWAY, {**BAD, ("host_cpu_busy", ON): [1.0]}),
        ("file_descriptors_exhausted", FILES, {("process_open_files", SHOP): [1.0]}),
        ("config_invalid", CONFIG, {("http_probe_status", f"{ON} unit=shop.service"): [500.0]}),
        ("service_leaks", LEAK, {("host_memory_stall", ON): [0.4]}),
        ("memory_pressure", MEMORY, {("host_memory_left", ON): [3e7]}),
        ("zombies", ZOMBIES, {("host_processes_used", ON): [0.95]}),
    ],
)
def test_what_follows_from_it_is(book, fault, seen, suffering):
    assert harm_of(book, fault, seen, WELL, suffering).seen


@pytest.mark.parametrize(
    ("fault", "seen", "missing"),
    [
        ("runaway_process", RUNAWAY, "process_others_waiting"),
        ("config_invalid", CONFIG, "http_probe_status"),
        ("service_leaks", LEAK, "host_memory_stall"),
        ("memory_pressure", MEMORY, "host_oom_kills"),
        ("zombies", ZOMBIES, "host_processes_used"),
    ],
)
def test_what_nobody_measures_is_not_known_and_what_is_over_is_no_harm(book, fault, seen, missing):
    key = next(key for key in seen if key[0] == missing)
    assert harm_of(book, fault, {one: seen[one] for one in seen if one != key}, WELL).unknown
    bad = 3.0 if missing != "http_probe_status" else 500.0
    before = {key: [bad] * (LONG - 4) + seen[key] * 4}
    series = {one: values * LONG for one, values in {**WELL, **seen}.items()} | before
    (found,) = [one for one in RuleVoter(book).vote(frame(series)).candidates if one.fault == fault]
    assert not found.harm.seen


@pytest.mark.parametrize(("fault", "seen"), FOUND)
def test_what_another_host_suffers_from_is_not_held_against_this(book, fault, seen):
    elsewhere = {
        (signal, labels.replace("w1", "w2")): [9.0 if signal != "http_probe_success" else 0.0]
        for signal, labels in [*seen, *BAD]
        if signal not in {"config_valid", "unit_active"}
    }
    series = {key: values * LONG for key, values in {**seen, **WELL, **elsewhere}.items()}
    found = [one for one in RuleVoter(book).vote(frame(series)).candidates if one.fault == fault]
    assert [one.harm.seen for one in found if one.entity.startswith("w1")] == [()]
