"""``opsmend status``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.output import ago, console, print_json


def show_status(config: Path | None, json: bool) -> None:
    """Say how the agent is."""
    told = agent_api(config).get("/api/v1/status")
    if json:
        print_json(told)
        return
    _print_agent(told["agent"], datetime.now(UTC))
    for pause in told["pauses"]:
        console.print(f"[yellow]{pause['id']}: {escape(pause_text(pause))}[/]", soft_wrap=True)
    counts = told["incidents"].items()
    open_ones = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts)
    console.print(f"Incidents: {open_ones or 'none open'}" + ("; see opsmend incidents" if open_ones else ""))


def pause_text(pause: dict[str, Any]) -> str:
    """Return who paused what, since when, until when and why."""
    times = {name: pause[name] and datetime.fromisoformat(pause[name]) for name in ("since", "until")}
    what = "; ".join(f"{name} {', '.join(given)}" for name, given in pause["scope"].items() if given)
    until = f" until {times['until']:%Y-%m-%d %H:%M} UTC" if times["until"] else ""
    why = f": {pause['why']}" if pause["why"] else ""
    by = f"paused by {pause['actor']} since {times['since']:%Y-%m-%d %H:%M} UTC"
    return f"{what} {by}{until}{why}".lstrip()


def _print_agent(live: dict[str, Any] | None, now: datetime) -> None:
    if live is None:
        console.print("[red]the agent is not running[/], and never wrote a status here")
        return
    colour = "green" if live["state"] == "running" else "red"
    started = ago(datetime.fromisoformat(live["started_at"]), now)
    console.print(
        f"Agent {escape(live['name'])} {live['version']}: [{colour}]{live['state']}[/], "
        f"mode [bold]{live['mode']}[/], pid {live['pid']}, started {started}"
    )
    history = live.get("history")
    if history:
        until = datetime.fromisoformat(history["until"])
        console.print(f"Learning what is normal from the history, read until {until:%d %b %H:%M} UTC")
    polled = datetime.fromisoformat(live["polled_at"]) if live["polled_at"] else None
    last = f"the last {ago(polled, now)} in {live['poll_seconds']:.3f} s" if polled else "none yet"
    console.print(
        f"Polls: {live['polls']}, every {live['poll_interval_s']:g} s, {last}; {live['late_polls']} were late"
    )
    console.print(
        f"Watching {live['series']} series of {live['signals']} signals; {live['anomalies']} anomalous"
        + ("; see opsmend anomalies" if live["anomalies"] else "")
    )
    if live.get("series_refused"):
        console.print(
            f"[red]{live['series_refused']} series are not watched[/]: there are more than "
            "collect.prometheus.max_series"
        )
    _print_models(live.get("entity_models"))
    _print_signals("no answer", live["signals_failed"])
    partial = live.get("signals_partial", {})
    _print_signals(
        "no whole answer", {k: why for k, why in partial.items() if k not in live["signals_failed"]}
    )
    for signal, why in live.get("signals_doubtful", {}).items():
        console.print(f"[red]not believed[/] of {escape(signal)}: {escape(why)}", soft_wrap=True)
    for one in live.get("rules_held", ()):
        held = f"rule {one['rule']} on {one['entity']}: {one['why']}"
        console.print(f"[yellow]held back[/] for want of data: {escape(held)}", soft_wrap=True)
    for source, how in live.get("sources", {}).items():
        if how["trouble"]:
            console.print(f"[red]no answer[/] of {source}: {escape(how['trouble'])}", soft_wrap=True)
        else:
            console.print(f"Taken in from {source}: {how['records']} records")
    for source, note in live.get("source_notes", {}).items():
        console.print(f"[yellow]not in full[/] from {source}: {escape(note)}", soft_wrap=True)
    _print_alerts(live.get("alerts", {}))
    for one in live.get("own_trouble", ()):
        since = ago(datetime.fromisoformat(one["since"]), now)
        console.print(
            f"[red]in trouble[/] since {since}: {one['what']}: {escape(one['why'])}", soft_wrap=True
        )
    unknown = live.get("unknown_alerts", {})
    if unknown:
        names = ", ".join(f"{escape(name)} ({count})" for name, count in unknown.items())
        console.print(
            f"[yellow]no rule uses[/] alerts that fire: {names}; "
            f"opsmend rules draft --alert {escape(next(iter(unknown)))} writes one",
            soft_wrap=True,
        )
    for work, why in live["trouble"].items():
        console.print(f"[red]trouble[/] in {work}: {escape(why)}", soft_wrap=True)
    _print_settings(live.get("settings"))


def _print_settings(settings: dict[str, Any] | None) -> None:
    """Say what the files say and the agent does not go by."""
    if settings is None:
        return
    for problem in settings["newest"]["problems"]:
        console.print(f"[red]reload refused[/]: {escape(problem)}", soft_wrap=True)
    pending = settings["pending"]
    if pending["problem"] and not settings["newest"]["problems"]:
        console.print(
            f"[red]settings changed, with a mistake[/]: {escape(pending['problem'])}", soft_wrap=True
        )
    for way, command in (("reload", "opsmend reload"), ("restart", "systemctl restart opsmend")):
        if pending[way]:
            keys = ", ".join(pending[way])
            console.print(
                f"[yellow]settings changed, not in force[/] before {command}: {escape(keys)}", soft_wrap=True
            )


def _print_signals(what: str, signals: dict[str, str]) -> None:
    """Say why signals have no answer, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for signal, why in signals.items():
        reasons.setdefault(why, []).append(signal)
    for why, names in reasons.items():
        shown = ", ".join(names[:4]) + ("…" if len(names) > 4 else "")
        console.print(f"[red]{what}[/] for {len(names)} signals ({shown}): {escape(why)}", soft_wrap=True)


def _print_alerts(alerts: dict[str, Any]) -> None:
    """Say what of the alerts that were sent could not be taken."""
    if alerts.get("refused"):
        console.print(
            f"[red]refused[/] {alerts['refused']} alerts, the last: {escape(alerts['last_refused'])}",
            soft_wrap=True,
        )
    if alerts.get("truncated"):
        console.print(f"[yellow]left out[/] by their senders: {alerts['truncated']} alerts")
    if alerts.get("incomplete"):
        console.print(f"[red]not all alerts are known[/]: {escape(alerts['incomplete'])}", soft_wrap=True)


def _print_models(models: dict[str, Any] | None) -> None:
    """Say how the models of whole entities are, and what they find strange now."""
    if models is None:
        return
    training = models["training"]
    told = f"{models['models']} in use" if models["models"] else "none in use yet"
    if models["note"]:
        told += f" ({models['note']})"
    if training["state"] == "training":
        left = f", {training['left_s']} s left" if training.get("left_s") is not None else ""
        done = f" {training['done']} of {training['of']}" if "of" in training else ""
        told += f"; training: {training['phase']}{done}{left}"
    console.print(f"Entity models: {escape(told)}", soft_wrap=True)
    if training["state"] == "failed":
        console.print(f"[red]trouble[/] in training: {escape(training['why'])}", soft_wrap=True)
    for why in models["refused"][:3]:
        console.print(f"[red]refused[/]: {escape(why)}", soft_wrap=True)
    for one in models["strange"]:
        console.print(f"[yellow]strange[/]: {escape(one['text'])} ({one['confidence']:.2f})", soft_wrap=True)
