"""What strangers write is shown and never obeyed, and no secret is told."""

import io
import json

import pytest
from markupsafe import Markup
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from agent.cleantext import clean, describe_unforeseen, hide_secrets, remember_secret, remember_url
from agent.cli.output import CleanConsole, print_json
from agent.quantity import format_value
from agent.web.pages.render import _environment

HOSTILE = [
    "\x1b[2J\x1b[1;1Hall is well",
    "\x1b]0;owned\x07",
    "\x9b31mred",
    "a\u202egnp.exe",
    "web1\u2066\u200bx",
    "line\rover",
    "bell\x07\x08\x7f",
    "\x1b]8;;http://evil\x1b\\\\click",
    "tag\U000e0041",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left(text):
    for shown in (clean(text), format_value(text), clean(f"{text}\n{text}", lines=True).replace("\n", "")):
        assert shown.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_command_prints_it_and_obeys_none_of_it(text):
    out = io.StringIO()
    console = CleanConsole(file=out, width=80, force_terminal=False)
    plain = text.replace("[", "\\[")
    for shown in (plain, Text(text), [text], Panel(Text(text), title=plain), Padding(plain, (0, 2))):
        console.print(shown)
    console.rule(plain)
    assert all(c.isprintable() or c == "\n" for c in out.getvalue())


@pytest.mark.parametrize("text", [*HOSTILE, "a\u061cb", "a\u2061b", "a\u00adb", "\u2028"])
def test_json_for_programs_holds_nothing_that_a_terminal_obeys(text, capfdbinary):
    print_json({text: [text]})
    written = capfdbinary.readouterr().out.decode()
    assert all(c.isprintable() or c == "\n" for c in written)
    assert json.loads(written) == {text: [text]}


def test_secrets_that_were_read_are_never_told():
    remember_secret("s3cr3t-token")
    assert "s3cr3t" not in hide_secrets("the header was 'X: s3cr3t-token'")
    assert "tökén123" not in clean("UnicodeEncodeError('latin-1', 'Bearer tökén123', 7, 8)")
    assert "pw" not in clean("https://user:pw@host/x")


def test_nothing_of_a_url_that_looks_like_a_key_is_told():
    remember_url("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops")
    shown = clean("404 at https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert shown == "404 at https://hooks.slack.com/services/[redacted]/[redacted]/[redacted]"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mailtos://ann:hunter2@mail.example.test", "535 bad login hunter2"),
        ("json://ann:p%40ssw%2Frd@site.example.test/hook", "cannot log in with p@ssw/rd"),
        ("json://site.example.test/hook?+X-Token=openplease", "header X-Token: openplease"),
        ("mmosts://site.example.test/onlylettersbutverylongones", "/hooks/onlylettersbutverylongones"),
    ],
)
def test_no_password_and_no_key_of_letters_is_told_either(url, said):
    remember_url(url)
    for told in (said, f"refused by {url}"):
        shown = clean(told)
        assert "[redacted]" in shown
        assert not any(one in shown for one in ("hunter2", "p@ss", "p%40", "openplease", "onlyletters"))


def test_a_cut_leaves_no_half_of_a_secret():
    remember_secret("0123456789-very-secret")
    shown = [clean("x" * begin + "0123456789-very-secret", longest=100) for begin in range(60, 100)]
    assert not any("0123" in one for one in shown)


def test_secrets_that_share_a_part_leave_none_of_it():
    for secret in ("overlap-alpha", "alpha-omega", "pha-ome", "overlap-alpha-omega-and-more"):
        remember_secret(secret)
    assert clean("a overlap-alpha-omega b") == "a [redacted] b"
    assert clean("overlap-alpha-omega-and-more") == "[redacted]"
    assert clean("alpha-omega, overlap-alpha") == "[redacted], [redacted]"


def test_a_page_shows_it_and_turns_nothing_around():
    page = _environment().from_string('<p title="{{ name }}">{{ name }} {{ html }}</p>')
    shown = page.render(name="a\u202egnp<b>\x1b[2J", html=Markup("<i>x</i>"))
    assert shown == '<p title="a?gnp&lt;b&gt;?[2J">a?gnp&lt;b&gt;?[2J <i>x</i></p>'


def test_an_unforeseen_error_keeps_its_kind_and_place():
    try:
        "x".encode("latin-1").decode("no-such")
    except LookupError as error:
        said = describe_unforeseen(error)
    assert said.startswith("LookupError at ")
    assert "no-such" in said
