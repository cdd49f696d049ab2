"""HAProxy's runtime API for modules: the servers of a backend, their sessions, and commands."""

from __future__ import annotations

import csv
import re
import socket

_TIMEOUT_S = 5
_SESSION = re.compile(r"^(0x[0-9a-f]+): .*?\bsrc=(\S*) .*?\bbe=(\S+) srv=(\S+) .*?\bage=(\S+)")
_AGE = re.compile(r"(\d+)([dhms])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class HaproxyError(Exception):
    """HAProxy cannot be asked, or says no."""


def ask(path, command):
    """Return HAProxy's answer to one command."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_TIMEOUT_S)
            line.connect(path)
            line.sendall(command.encode() + b"\n")
            answer = b"".join(iter(lambda: line.recv(65536), b""))
    except OSError as error:
        raise HaproxyError("HAProxy does not answer at %s: %s" % (path, error)) from error
    return answer.decode("utf-8", "replace").strip()


def order(path, command):
    """Give a command that answers nothing when all is well."""
    answer = ask(path, command)
    if answer:
        raise HaproxyError("%s: %s" % (command, answer))


def backend(path, proxy):
    """Return the row of a backend and those of its servers, as "show stat" has them."""
    rows = csv.DictReader(ask(path, "show stat").lstrip("# ").splitlines())
    mine = [row for row in rows if row["pxname"] == proxy and row["svname"] != "FRONTEND"]
    summary = next((row for row in mine if row["svname"] == "BACKEND"), None)
    if summary is None:
        raise HaproxyError("there is no backend '%s'" % proxy)
    return summary, [row for row in mine if row is not summary]


def takes_work(row):
    """Return whether a server is given new requests."""
    return row["status"].startswith("UP") or row["status"] == "no check"


def passes_check(row):
    """Return whether a server passes its health check; one that has none cannot fail it."""
    said = row.get("check_status", "").lstrip("* ")
    return said in ("", "L4OK", "L6OK", "L7OK", "L7OKC")


def sessions(path, proxy):
    """Return the sessions of a backend that a server is busy with: id, source, server, age in seconds."""
    found = []
    for line in ask(path, "show sess").splitlines():
        match = _SESSION.match(line)
        if match and match[3] == proxy and not match[4].lower().startswith("<none>"):
            found.append({"id": match[1], "source": match[2], "server": match[4], "age": seconds(match[5])})
    return found


def seconds(age):
    """Return "1h2m" as seconds."""
    return sum(int(count) * _SECONDS[unit] for count, unit in _AGE.findall(age))
