"""The output of a probe's command in, facts and what is out of order out.

The output is a stranger's: nothing in it is trusted to have the form it should have, and a line that
cannot be read is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

Reading = tuple[dict[str, str], list[str]]

_FULL_PERCENT = 95
_HOG_PERCENT = 80.0
_SOON = timedelta(days=14)
_MOST_FACTS = 50
_MOMENTS_S = 15  # a process younger than this is no finding
_TROUBLE = re.compile(
    r"error|fail|fatal|panic|denied|refused|no space|out of memory|killed|timed? ?out|address already in use",
    re.IGNORECASE,
)


def read_unit(text: str, now: datetime) -> Reading:
    """Read ``systemctl show``: a unit that is not running, or is restarted again and again."""
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    found = []
    if facts.get("LoadState") == "not-found":
        found.append("there is no such unit")
    elif facts.get("ActiveState") not in ("active", "activating", "reloading"):
        found.append(
            f"the unit is {facts.get('ActiveState', 'unknown')} ({facts.get('Result', 'no result')}, "
            f"exit status {facts.get('ExecMainStatus', '?')})"
        )
    if facts.get("NRestarts", "0").isdigit() and int(facts.get("NRestarts", "0")[:9]) > 0:
        found.append(f"systemd restarted it {facts['NRestarts'][:9]} times")
    return facts, found


def read_journal(text: str, now: datetime) -> Reading:
    """Read ``journalctl``: the last lines that speak of trouble."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("-- ")]
    bad = [line for line in lines if _TROUBLE.search(line)]
    return {"lines": str(len(lines)), "of trouble": str(len(bad))}, [
        f"it logged: {line}" for line in bad[-3:]
    ]


def read_space(text: str, now: datetime) -> Reading:
    """Read ``df -P`` or ``df -Pi``: file systems with hardly anything left."""
    facts, found = {}, []
    for line in text.splitlines()[1:]:
        match = re.match(r"(\S+)\s+\d+\s+\d+\s+\d+\s+(\d{1,3})%\s+(/.*)$", line)
        if not match:
            continue
        facts[match[3]] = f"{match[2]} %"
        if int(match[2]) >= _FULL_PERCENT:
            found.append(f"{match[3]} is {match[2]} % full")
    return facts, found


def read_processes(text: str, now: datetime) -> Reading:
    """Read ``ps``: who takes the most processor time and memory.

    What runs only for moments, as the login and the commands that ask, has its whole life at full load.
    """
    facts, found = {}, []
    for line in text.splitlines()[1:_MOST_FACTS]:
        match = re.match(r"\s*(\d+)\s+(?:(\d+)\s+)?([\d.]+)\s+([\d.]+)\s+(\S.*)$", line)
        if not match or (match[2] and int(match[2][:9]) < _MOMENTS_S):
            continue
        pid, _, cpu, memory, name = match.groups()
        facts[f"{name} ({pid})"] = f"{cpu} % processor, {memory} % memory"
        try:
            for share, what in ((float(cpu), "processor"), (float(memory), "memory")):
                if share >= _HOG_PERCENT:
                    found.append(f"{name} ({pid}) takes {share:.0f} % of the {what}")
        except ValueError:
            continue
    return dict(list(facts.items())[:10]), found


def read_ports(text: str, now: datetime) -> Reading:
    """Read ``ss -Hltn``: which ports are listened on."""
    ports: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4 and ":" in fields[3]:
            address, _, port = fields[3].rpartition(":")
            if port.isdigit():
                ports[port] = address
    return dict(list(ports.items())[:_MOST_FACTS]), []


def read_certificate(text: str, now: datetime) -> Reading:
    """Read ``openssl x509 -enddate -subject``: a certificate that has ended or soon will."""
    match = re.search(r"notAfter=([A-Za-z]{3}\s+\d{1,2} \d\d:\d\d:\d\d \d{4}) GMT", text)
    if not match:
        return {}, ["it is no certificate"]
    ends = datetime.strptime(" ".join(match[1].split()), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    if ends <= now:
        return {"ends": ends.isoformat()}, [f"the certificate ended {(now - ends).days} days ago"]
    if ends - now <= _SOON:
        return {"ends": ends.isoformat()}, [f"the certificate ends in {(ends - now).days} days"]
    return {"ends": ends.isoformat()}, []


READERS: Mapping[str, Callable[[str, datetime], Reading]] = {
    "unit": read_unit,
    "journal": read_journal,
    "space": read_space,
    "inodes": read_space,
    "processes": read_processes,
    "ports": read_ports,
    "certificate": read_certificate,
}
