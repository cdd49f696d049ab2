"""The door to ansible-runner: what is changed of the libraries behind it."""

import pexpect

import agent.remediate.runner  # noqa: F401  # changes pexpect when it is imported


def test_closing_a_process_that_has_ended_sleeps_for_nothing():
    child = pexpect.spawn("true")
    child.expect(pexpect.EOF)
    child.close()
    assert child.ptyproc.delayafterclose == 0
    assert child.exitstatus == 0
