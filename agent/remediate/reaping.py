"""A run's mark in, its processes ended out, here and on its hosts; and whether all of them could be seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from agent.log import Logger
from agent.records import Leftovers
from agent.remediate.ansible_process import AnsibleProcess, Played
from agent.remediate.execution import Execution, Hosts
from agent.remediate.inventory import Inventory
from agent.remediate.localreaping import reap_here
from agent.remediate.redaction import Report

log = Logger("remediate")

_TIMEOUT = timedelta(seconds=30)


def reap(
    process: AnsibleProcess,
    inventory: Inventory,
    mark: str,
    hosts: Hosts,
    lasted: timedelta,
    report: Report | None = None,
) -> Leftovers:
    """End whatever carries a mark, here and on the hosts.

    ``lasted`` is how long ago it began. ``report`` is what the run itself told of how it worked, where that
    is known: who became whom, and what could not be marked.
    """
    reap_here(mark)
    execution = Execution(
        mark=f"reap-{mark}",
        step="reap",
        snapshot=process.own(),
        playbook="reap.yml",
        hosts=hosts,
        parameters={"opsmend_mark": mark, "opsmend_seconds": lasted.total_seconds()},
        timeout=_TIMEOUT,
    )
    played = process.play(execution, inventory, keep_results=True)
    reap_here(execution.mark)
    ended = sum(int(found.get("ended", 0)) for _, _, found in played.journal.results)
    doubts = {host: why for host in hosts.names if (why := _doubt(host, played, report))}
    if doubts:
        log.warning("leftovers not ruled out", mark=mark, why="; ".join(doubts.values()))
    return Leftovers(ended=ended, unknown="; ".join(f"{host}: {why}" for host, why in doubts.items()))


def _doubt(host: str, played: Played, report: Report | None) -> str:
    """Return why it is not sure that nothing is left on a host, or nothing."""
    looks = [found for name, _, found in played.journal.results if name == host and "uid" in found]
    if not looks:
        why = [one for one in played.journal.failures if one.startswith(f"{host}: ")]
        return f"could not be looked at ({why[-1].removeprefix(f'{host}: ') if why else played.status})"
    if report is not None and {host, ""} & report.unmarked:
        return "is no POSIX host: what was started there carries no mark"
    left = sorted({name for found in looks[-1:] for name in found["left"]})
    if left:
        return f"still there: {', '.join(left)}"
    best = next((found for found in looks if found["uid"] == 0), None)
    strays = (best or looks[0])["strays"]
    if strays:
        return f"began during the step and may be of it, without its mark: {', '.join(strays[:5])}"
    if best is not None:
        return ""
    return _doubt_without_root(host, looks[0], report)


def _doubt_without_root(host: str, look: Mapping[str, Any], report: Report | None) -> str:
    became = report is None or any(one["host"] in (host, "") for one in report.became)
    if became and report is not None:
        return "steps there became another user, whose processes cannot be looked at without root"
    if look["unseen"]:
        return f"may be left, and cannot be looked into without root: {', '.join(look['unseen'][:5])}"
    return "" if report is not None else "cannot be looked at as root"
