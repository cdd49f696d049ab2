"""Values in place of names: for people, and quoted for PromQL."""

import promql_parser
import pytest

from agent.placeholders import fill, names, quote_for_promql, unquoted_names
from agent.quantity import format_value


def test_names_are_told_once_in_order():
    assert names("{host}: {mountpoint} of {host} {free:percent}") == ("host", "mountpoint", "free")


def test_numbers_are_written_as_people_write_them():
    assert fill("{a:percent} {b:bytes} {c} {d}", {"a": 0.031, "b": 3 * 2**20, "c": 2.0, "d": None}) == (
        "3.1 % 3 MiB 2 unknown"
    )


@pytest.mark.parametrize(
    ("value", "style", "told"),
    [
        (1023 * 2**20, "bytes", "1023 MiB"),
        (-1010 * 2**30, "bytes", "-1010 GiB"),
        (3 * 2**60, "bytes", "3 EiB"),
        (999.7, "bytes", "1000 B"),
        (12.5, "percent", "1250 %"),
        (-10800.0, "duration", "-3 h"),
        (-0.4, "duration", "0 s"),
        (-300000.0, "duration", "-3 days 11 h"),
    ],
)
def test_no_number_is_written_as_machines_write_them(value, style, told):
    assert format_value(value, style) == told


def test_a_missing_value_is_an_error_that_names_it():
    with pytest.raises(KeyError, match="host"):
        fill("{host}", {})


def test_control_characters_and_endless_labels_cannot_forge_a_line():
    assert format_value("a\nb\x1b[31m") == "a?b?[31m"
    assert len(format_value("x" * 10_000)) == 201


def test_a_filled_value_is_not_filled_again():
    assert fill("{a}", {"a": "{b}", "b": "no"}) == "{b}"


HOSTILE = ['"} or up{x="', "a\\", 'a"b', "line\nbreak", "{host}", ".*", "(((", "[a-z]+$", "café ☃", ""]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("operator", ["=", "=~"])
def test_a_hostile_label_stays_one_string_in_promql(value, operator):
    query = quote_for_promql(f'up{{job{operator}"{{job}}"}} == 1', {"job": value})
    parsed = promql_parser.parse(query)
    (matcher,) = parsed.lhs.matchers.matchers
    assert matcher.name == "job"
    if operator == "=":
        assert matcher.value == value


def test_placeholders_outside_strings_are_found():
    assert unquoted_names('up{instance="{host}"} > {limit}') == ("limit",)
    assert unquoted_names('up{instance="{host}"}') == ()
