"""The agent's own environment in, one that its subprocesses can be trusted with out.

A program does more than it was written for when the environment or the folder it is started in says so:
Python takes modules from there, the loader libraries, a shell commands. None of that is for our processes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

_HIJACKS = re.compile(
    r"PYTHON.*|LD_.*|BASH_.*|ENV|SHELLOPTS|BASHOPTS|PS4|IFS|CDPATH|GLOBIGNORE|PROMPT_COMMAND|GCONV_PATH|LOCPATH"
    r"|NLSPATH|PERL5.*|PERLLIB|RUBY(LIB|OPT)|NODE_(OPTIONS|PATH)|SSH_ASKPASS.*|GIT_.*|JAVA_TOOL_OPTIONS"
)
_OF_SYSTEMD = re.compile(r"NOTIFY_SOCKET|LISTEN_.*|WATCHDOG_.*|MAINPID")  # for the agent alone
_SETTINGS = re.compile(r"CREDENTIALS_DIRECTORY|OPSMEND_\w+__\w*")  # they may hold passwords


def clean_environment(
    environment: Mapping[str, str] = os.environ, with_settings: bool = False
) -> dict[str, str]:
    """Return what may be handed on: readable as UTF-8, and nothing that makes another program of one.

    What sets the agent itself is only for those of our processes that read its settings, ``with_settings``.
    """
    return {
        name: value
        for name, value in environment.items()
        if _is_text(name)
        and _is_text(value)
        and not _HIJACKS.fullmatch(name)
        and not _OF_SYSTEMD.fullmatch(name)
        and (with_settings or not _SETTINGS.fullmatch(name))
    }


def own_python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours: the folder it is started in gives it no code."""
    return [sys.executable, "-P", "-m", module, *arguments]


def where_extra_is(extra: str) -> str:
    """Return how to get an extra, for people who have installed the package, or with pip.

    >>> where_extra_is("kafka")
    "the extra 'kafka' is not installed: it is the package opsmend-kafka, or pip install 'opsmend[kafka]'"
    """
    return (
        f"the extra '{extra}' is not installed: it is the package opsmend-{extra}, "
        f"or pip install 'opsmend[{extra}]'"
    )


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes of another charset, which Python keeps as surrogates
        return False
    return True
