"""JSON is read as the standard has it."""

import json

import pytest

from agent.web.access.strict import parse_strictly


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"{", "unexpected end"),
        (b"not json", "invalid literal"),
        (b'{"comment": NaN}', "after the key 'comment'"),
        (b'{"a": 1, "b": {"c": [1, Infinity]}}', "after the key 'c'"),
        (b'{"comment": -Infinity}', "no digit"),
        (b'"\xff"', "UTF-8"),
        (b'"\\ud800"', "surrogate"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands there twice"),
        (b"[" * 65 + b"]" * 65, "more than 64 levels deep"),
        (b"[" * 200_000, "more than 64 levels deep"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "more than 64 levels deep"),
    ],
)
def test_what_is_no_json_is_refused_with_what_is_wrong(body, said):
    with pytest.raises(json.JSONDecodeError) as caught:
        parse_strictly(body)
    assert said in str(caught.value)


def test_braces_inside_of_strings_are_no_levels():
    text = {"comment": '[{"\\' * 100, "more": [1, {"a": None}]}
    assert parse_strictly(json.dumps(text).encode()) == text
