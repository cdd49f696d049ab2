#!/usr/bin/python
"""Ansible module: what a host says of itself, by a few commands that change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ask
short_description: Run commands that only look, each within a time limit
description:
  - Looks only, and gives the same answer in check mode. A command that fails is an answer too.
options:
  questions:
    description: Commands, each as a list of words.
    type: list
    elements: list
    required: true
  timeout:
    description: Seconds that one command may take.
    type: float
    required: true
author:
  - opsmend
"""

RETURN = r"""
uid:
  description: Who looked.
  type: int
  returned: always
user:
  description: The name of who looked.
  type: str
  returned: always
answers:
  description: One for each question, with text, complaint, code (null without one) and seconds.
  type: list
  elements: dict
  returned: always
"""

import os
import pwd
import select
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule

_MOST_BYTES = 64 * 1024
_MOST_OF_A_COMPLAINT = 2048


def ask(command, timeout_s):
    """Return what a command says; what is too long or takes too long is cut."""
    began = time.monotonic()
    environment = dict(os.environ, LC_ALL="C", SYSTEMD_COLORS="0", SYSTEMD_PAGER="")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return {"text": "", "complaint": str(error), "code": 127, "seconds": 0.0}
    heard, whole = listen(process, began + timeout_s)
    if not whole:
        end(process)
    code = process.wait() if whole else None
    text, complaint = (
        heard[stream].decode("utf-8", "replace") for stream in (process.stdout, process.stderr)
    )
    return {
        "text": text,
        "complaint": complaint[:_MOST_OF_A_COMPLAINT],
        "code": code if whole or len(text) < _MOST_BYTES else 0,  # enough was heard
        "seconds": round(time.monotonic() - began, 3),
    }


def listen(process, until):
    """Return what both streams say until their end, the limit or the time; and whether it was the end."""
    heard = {process.stdout: b"", process.stderr: b""}
    open_streams = list(heard)
    while open_streams:
        left = until - time.monotonic()
        ready = select.select(open_streams, [], [], max(0.0, left))[0] if left > 0 else []
        if not ready:
            return heard, False
        for stream in ready:
            chunk = os.read(stream.fileno(), 8192)
            if not chunk:
                open_streams.remove(stream)
            heard[stream] = (heard[stream] + chunk)[:_MOST_BYTES]
            if len(heard[stream]) >= _MOST_BYTES:
                return heard, False
    return heard, True


def end(process):
    """End a command and all that it started."""
    try:
        os.killpg(process.pid, 9)
    except OSError:
        pass
    process.wait()


def user_of(uid):
    """Return a user's name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "questions": {"type": "list", "elements": "list", "required": True},
            "timeout": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    uid = os.geteuid()
    answers = [
        ask([str(word) for word in one], module.params["timeout"]) for one in module.params["questions"]
    ]
    module.exit_json(changed=False, uid=uid, user=user_of(uid), answers=answers)


if __name__ == "__main__":
    main()
