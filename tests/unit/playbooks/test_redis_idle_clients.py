"""Whose idle connections to a Redis are closed."""

import pytest


@pytest.fixture(scope="module")
def clients(module):
    return module("redis", "redis_idle_clients")


def listed(*rows):
    """What CLIENT LIST says of connections given as address, idle seconds and flags."""
    lines = (
        f"id={n} addr={address}:{40000 + n} laddr=127.0.0.1:6379 name= age=900 idle={idle} flags={flags} db=0"
        for n, (address, idle, flags) in enumerate(rows)
    )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("rows", "address", "ids"),
    [
        ([("10.0.0.7", 900, "N")] * 3 + [("10.0.0.8", 900, "N")], "10.0.0.7", ["0", "1", "2"]),
        ([("[2001:db8::1]", 900, "N")] * 2, "[2001:db8::1]", ["0", "1"]),
        (
            [("10.0.0.7", 900, "N"), ("10.0.0.8", 900, "N"), ("10.0.0.9", 900, "N")],
            "",
            [],
        ),  # nobody stands out
        ([("10.0.0.7", 9, "N")] * 5, "", []),  # young
        ([("10.0.0.7", 900, flags) for flags in ("S", "P", "b", "x", "O")], "", []),  # not idle at all
        ([("10.0.0.7", 900, "N"), ("10.0.0.7", 900, "P"), ("10.0.0.7", 9, "N")], "", []),
        ([], "", []),
    ],
)
def test_only_idle_ones_of_who_has_half_of_all_are_closed(clients, rows, address, ids):
    assert clients.hoarded(clients.parsed(listed(*rows)), 300) == (address, ids)
