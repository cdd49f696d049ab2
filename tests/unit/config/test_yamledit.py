"""One value of a YAML file is changed, and nothing else of what people wrote."""

import pytest

from agent.config.yamledit import with_item, with_value
from agent.errors import ConfigError

FILE = """\
# how we restart
fixes: [down]   # and nothing else
steps:
  - name: go    # gently
    playbook: go.yml  # the first

    timeout: "2m"   # was 5m once
  - {name: look, playbook: look.yml}
  - name: wait
    playbook: |-
      go.yml
"""


def test_a_value_is_replaced_where_it_stands():
    assert with_value(FILE, ("steps", 0, "timeout"), "90s") == FILE.replace('"2m"', "90s")


def test_a_key_that_is_missing_follows_what_stands_on_one_line():
    assert with_value(FILE, ("steps", 0, "retries"), 2) == FILE.replace(
        "was 5m once\n", "was 5m once\n    retries: 2\n"
    )
    assert with_value(FILE, ("steps", 1, "timeout"), "1m") == FILE.replace(
        "look.yml}", "look.yml, timeout: 1m}"
    )
    assert with_value(FILE, ("steps", 2, "timeout"), "1m") == FILE.replace(
        "name: wait\n", "name: wait\n    timeout: 1m\n"
    )


def test_a_list_gets_one_entry_more_as_it_is_written():
    assert with_item(FILE, ("fixes",), "hung") == FILE.replace("[down]", "[down, hung]")
    blocks = "fixes:\n- down # a\nrisk: low\n"
    assert with_item(blocks, ("fixes",), "hung") == "fixes:\n- down # a\n- hung\nrisk: low\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_ends_of_lines_stay_and_so_does_a_missing_one_at_the_end(end):
    text = end.join(["steps:", "- name: go", "  playbook: go.yml"])
    assert with_value(text + end, ("steps", 0, "retries"), 1) == f"{text}{end}  retries: 1{end}"
    assert with_value(text, ("steps", 0, "timeout"), "5s").endswith("timeout: 5s")


@pytest.mark.parametrize(
    "text",
    [
        "steps: [&a {name: go, timeout: 1m}, *a]",  # it would change both
        "steps: [{timeout: &t 1m}, {timeout: *t}]",
        "steps:\n- timeout: >-\n    1m\n",
        "steps:\n- timeout:\n",
        "steps: []",
        "steps: {0: {timeout: 1m}}",
        "- steps",
        "",
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text):
    with pytest.raises(ValueError):
        with_value(text, ("steps", 0, "timeout"), "9s")


@pytest.mark.parametrize("value", ["a: b", "{{ x }}", "x\ny", "", "#", "!unsafe x"])
def test_only_a_plain_word_is_written(value):
    with pytest.raises(ValueError, match="no plain word"):
        with_value(FILE, ("steps", 0, "timeout"), value)


def test_what_is_no_yaml_is_refused_with_its_line():
    with pytest.raises((ConfigError, ValueError)):
        with_value("steps: [{timeout: 1m}]\nsteps: 2\n", ("steps", 0, "timeout"), "9s")


def test_plays_get_how_many_hosts_at_a_time():
    play = "---\n- name: Mend\n  hosts: all  # the target\n  tasks:\n    - ansible.builtin.ping:\n"
    one_by_one = with_value(play, (0, "serial"), 1)
    assert one_by_one == play.replace("# the target\n", "# the target\n  serial: 1\n")
    assert with_value(one_by_one, (0, "serial"), "50%") == one_by_one.replace("serial: 1", "serial: 50%")
