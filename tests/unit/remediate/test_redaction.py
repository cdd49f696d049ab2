"""What a run had to hide is found in texts however it was written, and nothing else is taken out."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remediate.redaction import Redactor, Report, Secrets

SECRET = "s3cr&t/pass+w'rd"


def redactor(folder: Path, *secrets: str) -> Redactor:
    file = folder / "report"
    file.write_text("".join(json.dumps(one) + "\n" for one in ({"secrets": secrets}, {"ready": True})))
    return Redactor(Report(file))


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return redactor(tmp_path_factory.mktemp("report"), SECRET, "abcd", "two words 71c2").clean


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"x{SECRET}y",
        json.dumps({"k": json.dumps(SECRET)}),
        "s3cr%26t%2Fpass%2Bw%27rd",
        "s3cr&amp;t/pass+w&#x27;rd",
        "sh -c 's3cr&t/pass+w'\"'\"'rd'",
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        "s3cr&t/pa\n    ss+w'rd",
        "s3cr&t/pa\r\nss+w'rd",
        r"s3cr&t/pa\nss+w'rd",
        json.dumps(["s3cr&t/p", "ass+w'rd"]),
        "\n".join(SECRET),
    ],
)
def test_a_secret_is_taken_out_in_every_form(clean, text):
    said = clean(f"before {text} after")
    assert "[secret]" in said
    assert said.startswith("before ")
    assert said.endswith(" after")
    for part in ("s3cr", "ass+w", "rd", SECRET.encode().hex()[4:]):
        assert part not in said


@given(before=st.binary(max_size=8), after=st.binary(max_size=8), urlsafe=st.booleans())
def test_base64_of_something_that_holds_a_secret_gives_nothing_of_it(clean, before, after, urlsafe):
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    said = clean(encode(before + SECRET.encode() + after).decode())
    assert "[secret]" in said
    assert len(said) - len("[secret]") <= (len(before) + len(after) + 5) * 4 / 3 + 4


@pytest.mark.parametrize("text", ["ab\ncd", "abc\nd is no secret", "two\n\nlines", "abc d", "", "\n\n"])
def test_what_only_looks_alike_stays(clean, text):
    assert clean(text) == text


def test_what_no_store_takes_is_replaced(clean):
    assert clean("a\x00b\udcfc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def test_a_long_output_and_many_secrets_take_no_time(tmp_path):
    many = redactor(tmp_path, *(f"secret-{number:032x}" for number in range(500)))
    text = "\n".join(f"line {number} of what a playbook said" for number in range(20_000))
    assert many.clean(f"{text}\nsecret-{1:032x}").endswith("\n[secret]")


AWKWARD = 's3cr&t/pass+w\'rd "x"'
WRITTEN = {
    "JSON in JSON": json.dumps(json.dumps({"k": AWKWARD})),
    "a template's escape": "s3cr&amp;t/pass+w&#39;rd &#34;x&#34;",
    "a template's tojson": 's3cr\\u0026t/pass+w\\u0027rd \\"x\\"',
    "sh -x": "s3cr&t/pass+w'\\''rd \"x\"",
    "printf %q": 's3cr\\&t/pass+w\\\'rd\\ \\"x\\"',
    "YAML": "s3cr&t/pass+w''rd \"x\"",
    "a URL": quote(AWKWARD, safe="").lower(),
    "folded at a space": 's3cr&t/pass+w\'rd\n  "x"',
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_secret_is_known_however_programs_write_it(how):
    clean = Secrets([AWKWARD]).taken_out_of(f"before {WRITTEN[how]} after")
    assert "s3cr" not in clean
    assert "rd" not in clean
    assert clean.startswith("before")
    assert clean.endswith("after")


def test_a_host_that_sends_white_space_only_takes_nobodys_time():
    text = "x" + " " * 1_000_000 + "y"  # hours, if each place were looked at from each place
    assert Secrets(["swordfish"]).taken_out_of(text) == text


def test_what_is_too_short_to_hide_is_hidden_in_no_other_writing_either():
    assert (
        Secrets(["10", "443", "ab"]).taken_out_of("/dev/sda1 41313052 343433 6162")
        == "/dev/sda1 41313052 343433 6162"
    )
