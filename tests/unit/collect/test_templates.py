"""Which lines are of one template."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collect.templates import Template, TemplateMiner


def groups(miner, lines):
    """Return the template numbers of lines, as they are after all were seen."""
    return [miner.number(number) for number in [miner.add(line) for line in lines]]


def test_lines_that_differ_in_values_share_a_template():
    miner = TemplateMiner()
    one, two = groups(miner, ["disk sda1 is 91 % full", "disk sdb2 is 97 % full"])
    assert one == two
    assert miner.text(one) == "disk <*> is <*> % full"


def test_opposites_are_two_templates():
    assert len(set(groups(TemplateMiner(), ["the link eth0 went up", "the link eth0 went down"]))) == 2


def test_a_place_with_many_words_is_a_value():
    miner = TemplateMiner()
    users = ["anna", "bob", "carl", "dora", "emil"]
    numbers = groups(miner, [f"session opened for user {user}" for user in users])
    assert numbers == [1] * 5
    assert miner.text(1) == "session opened for user <*>"


def test_a_word_where_a_value_was_seen_is_a_value():
    numbers = groups(TemplateMiner(), ["login failed for alice here", "login failed for user17 here"])
    assert numbers[0] == numbers[1]


def test_the_first_word_names_the_speaker_and_is_no_value():
    lines = [f"{name} startup succeeded" for name in ("cron", "sshd", "rsyslogd", "nginx", "redis")]
    assert len(set(groups(TemplateMiner(), lines))) == 5


def test_short_lines_are_not_joined_for_want_of_anchors():
    states = ["state running", "state stopped", "state failed", "state starting", "state unknown"]
    assert len(set(groups(TemplateMiner(), states))) == 5


def test_two_places_can_both_prove_to_be_values():
    miner = TemplateMiner()
    words = ["red", "green", "blue", "black", "white"]
    numbers = groups(miner, [f"painted house {one} with door {two} today" for one in words for two in words])
    assert set(numbers) == {1}
    assert miner.text(1) == "painted house <*> with door <*> today"


def test_a_restored_miner_goes_on_with_the_same_numbers():
    lines = [f"worker {n} took {n * 3} ms" for n in range(20)] + ["cache is cold", "cache is warm"]
    first = TemplateMiner()
    numbers = groups(first, lines)
    second = TemplateMiner()
    second.restore(list(first.templates()))
    assert groups(second, lines) == numbers
    assert second.add("something quite new happened") == max(numbers) + 1


def test_what_proved_a_value_stays_one_after_a_restart():
    first = TemplateMiner()
    groups(first, [f"session opened for user {user}" for user in ("anna", "bob", "carl", "dora")])
    second = TemplateMiner()
    second.restore(list(first.templates()))
    assert second.add("session opened for user zoe") == 1


def test_a_flood_of_new_lines_stays_within_bounds():
    miner = TemplateMiner(most=100)
    dice = random.Random(1)
    letters = "abcdefgh"
    for _ in range(3000):
        miner.add(" ".join("".join(dice.choices(letters, k=6)) for _ in range(6)))
    assert len(list(miner.templates())) <= 100
    assert miner.tree_size() < 4000


def test_a_template_in_use_outlives_a_flood():
    miner = TemplateMiner(most=50)
    number = miner.add("No space left on device")
    for n in range(500):
        miner.add("".join(chr(97 + int(digit)) for digit in str(n)) + " is a new word")
        assert miner.add("No space left on device") == number


def test_a_forgotten_template_has_no_text():
    miner = TemplateMiner(most=2)
    first = miner.add("one alpha beta")
    for line in ("two gamma delta", "three epsilon zeta", "four eta theta"):
        miner.add(line)
    assert miner.text(first) == ""


@pytest.mark.parametrize(
    "line", ["", " ", "\t\t", "<*>", "<*> <*>", "\x00\x01", "\udcff", "a" * 100_000, "{}[]()"]
)
def test_any_line_has_a_template(line):
    miner = TemplateMiner()
    assert miner.add(line) == miner.add(line) == 1


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="ab1 <*>=:", max_size=12), max_size=40))
def test_numbers_stay_consistent_whatever_comes(lines):
    miner = TemplateMiner()
    numbers = groups(miner, lines)
    again = groups(miner, lines)
    assert [miner.number(number) for number in numbers] == again
    assert all(miner.number(number) == number for number in again)
    restored = TemplateMiner()
    restored.restore(list(miner.templates()))
    assert {one.number for one in restored.templates()} == {one.number for one in miner.templates()}


def test_a_template_is_plain_data():
    miner = TemplateMiner()
    miner.add("a b c")
    assert list(miner.templates()) == [Template(1, "a b c")]
