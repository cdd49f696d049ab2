"""``opsmend forecasts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.output import ago, console, print_json
from agent.quantity import span_in_words
from agent.records.failures import LIKELIER

_MOST_HOSTS = 10
_CAME = {
    "came": "came",
    "averted": "did not come: the fall ended",
    "gone": "nobody knows: the series is there no more",
    "not_observed": "not observed: nobody looked when it should have come",
}


def list_forecasts(config: Path | None, json: bool) -> None:
    """Say what is expected to be used up and when, and what came of earlier forecasts."""
    api = agent_api(config)
    found = api.get("/api/v1/forecasts")
    if json:
        print_json(found)
        return
    if not api.running:
        console.print("[red]the agent is not running[/]: nobody looks ahead")
    for one in found["open"]:
        _print_open(one)
    if not found["open"]:
        console.print("nothing is about to be used up")
    if found["over"]:
        console.print("\n[bold]What came of earlier ones[/]")
    for one in found["over"]:
        _print_over(one)
    _print_calibration(found["calibration"])
    _print_failures(found)


def _print_failures(found: Mapping[str, Any]) -> None:
    """Say which hosts are likelier than usual to fail, and how far that may be believed."""
    known = [one for one in found["failures"] if one["now"] is not None]
    likelier = [one for one in known if one["now"] >= LIKELIER * one["base"]]
    if found["failure_records"]:
        console.print(
            "\n[bold]Faults that are likelier than usual[/] (learned from past incidents; nothing is done)"
        )
    for one in likelier:
        because = f", by {escape(', '.join(one['because']))}" if one["because"] else ""
        console.print(
            f"[bold]{escape(one['host'])}[/] within {_span(one['horizon_s'])}: [bold]{one['now']:.0%}[/] "
            f"(at any time {one['base']:.1%}){because}"
        )
    if found["failure_records"] and not likelier:
        console.print("none")
    _print_not_known(found["not_known"])
    for one in found["failure_records"]:
        words = f"within {_span(one['horizon_s'])}: {escape(one['why'])}"
        if one["judged"]:
            words += (
                f"; since then {one['came']} of {one['judged']} came where "
                f"{one['expected']:.1f} were expected, "
                f"Brier score {one['brier']:.5f}, base rate {one['brier_base']:.5f}"
            )
        console.print(words)


def _print_not_known(hosts: Sequence[str]) -> None:
    if hosts:
        more = f" and {len(hosts) - _MOST_HOSTS} more" if len(hosts) > _MOST_HOSTS else ""
        told = escape(", ".join(hosts[:_MOST_HOSTS]))
        console.print(
            f"not known of {told}{more}: there are no samples, or less than half of what is usual there"
        )


def _print_open(one: Mapping[str, Any]) -> None:
    now = one["now"]
    age = (datetime.now(UTC) - datetime.fromisoformat(now["at"])).total_seconds()
    left, low, high = (_span(now[key] - age) for key in ("left_s", "low_s", "high_s"))
    began = ago(datetime.fromisoformat(one["began"]))
    console.print(
        f"[bold]{escape(one['entity'])}[/] {escape(one['signal'])}: used up in [bold]{left}[/] "
        f"({low} to {high} eight times in ten), falls since {began}"
    )


def _print_over(one: Mapping[str, Any]) -> None:
    said = one["said"]
    words = _CAME[one["state"]]
    if one["took_s"] is not None:
        words = f"it took {_span(one['took_s'])}"
    console.print(
        f"{escape(one['entity'])} {escape(one['signal'])}: said {_span(said['left_s'])} left, "
        f"{ago(datetime.fromisoformat(said['at']))}: {words}"
    )


def _print_calibration(found: Mapping[str, Any]) -> None:
    if not found["came"]:
        return
    console.print(
        f"\n{found['within']} of {found['came']} came within the interval said first (8 in 10 should), "
        f"off by {found['error']:.0%} in the middle; {found['averted']} did not come"
    )


def _span(seconds: float) -> str:
    return span_in_words(timedelta(seconds=max(seconds, 0.0)))
