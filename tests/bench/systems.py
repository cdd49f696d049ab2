"""Makes simulated systems with one injected fault as incident folders: cases that nobody tuned to.

A random call graph of services over databases and nodes; traffic flows down, lateness and errors flow
up; every number carries noise, the load drifts, some series are missing, and unrelated things happen.
The seed decides everything, so a case can be made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

STEP_S = 30
EPOCH = 1_780_000_000
FAULTS = ("cpu", "memory", "delay", "errors", "down", "surge", "slow_database", "node")
_WORDS = ("alpha", "bravo", "cobra", "delta", "ember", "flint", "grove", "heron", "iris", "jade", "kilo")


@dataclass
class System:
    """A call graph: ``calls[s]`` are the callees of service s with calls per request."""

    services: list[str]
    databases: list[str]
    nodes: list[str]
    calls: dict[str, dict[str, float]]
    node_of: dict[str, str]
    entries: list[str] = field(default_factory=list)


def make_system(rng: np.random.Generator, size: int) -> System:
    """Make a layered random call graph; a service calls what comes after it."""
    names = [f"{_WORDS[i % len(_WORDS)]}{'' if i < len(_WORDS) else i}-svc" for i in range(size)]
    databases = [f"store-{i}" for i in range(max(1, size // 5))]
    nodes = [f"worker-{i}" for i in range(max(2, size // 5))]
    calls: dict[str, dict[str, float]] = {name: {} for name in names}
    for i, name in enumerate(names):
        later = names[i + 1 : i + 1 + max(3, size // 2)]
        for callee in rng.permutation(later)[: rng.integers(1, 4)]:
            calls[name][str(callee)] = float(rng.choice([0.3, 0.5, 1.0, 1.0, 2.0]))
        if rng.random() < 0.4 or not later:
            calls[name][str(rng.choice(databases))] = float(rng.choice([1.0, 2.0]))
    called = {callee for own in calls.values() for callee in own}
    entries = [name for name in names if name not in called] or names[:1]
    node_of = {name: str(rng.choice(nodes)) for name in names}
    return System(names, databases, nodes, calls, node_of, entries)


def make_case(
    folder: Path, seed: int, size: int = 12, fault: str | None = None, *, logs: bool = True,
    topology: bool = True, hint: bool = False, rows: int = 120, extra: int = 0,
) -> str:  # fmt: skip
    """Write one incident folder and return the name of the root cause."""
    rng = np.random.default_rng(seed)
    system = make_system(rng, size)
    fault = fault or str(rng.choice(FAULTS))
    reachable = _reachable(system)
    cause = _choose_cause(rng, system, fault, reachable)
    begin = int(rng.integers(rows // 2, rows - 25))
    detected = min(begin + int(rng.integers(3, 9)), rows - 2)
    series = _simulate(rng, system, fault, cause, begin, rows)
    for number in range(extra):  # what nobody has a use for, as in life
        series[f'custom_metric_{number}{{service="{rng.choice(system.services)}"}}'] = rng.gamma(3, 1, rows)
    folder.mkdir(parents=True, exist_ok=True)
    _write_metrics(rng, folder, series, rows)
    if topology:
        edges = [{"from": one, "to": other} for one, own in system.calls.items() for other in own]
        placed = [{"from": one, "to": node} for one, node in system.node_of.items()]
        content = {"edges": edges + placed, "nodes": system.services + system.databases + system.nodes}
        (folder / "topology.json").write_text(json.dumps(content))
    if logs:
        _write_logs(rng, folder, system, fault, cause, begin, rows, series)
        _write_events(rng, folder, system, cause, begin, fault)
    symptom = {"entity": system.entries[0], "metric": "latency_mean_seconds"} if hint else None
    (folder / "incident.json").write_text(
        json.dumps({"detected_at": EPOCH + detected * STEP_S, "symptom": symptom})
    )
    (folder / "truth.json").write_text(json.dumps({"root_cause": cause, "fault": fault}))
    return cause


def _reachable(system: System) -> list[str]:
    seen, todo = set(), [system.entries[0]]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += list(system.calls.get(name, {}))
    return sorted(seen)


def _choose_cause(rng: np.random.Generator, system: System, fault: str, reachable: list[str]) -> str:
    if fault == "surge":
        return system.entries[0]
    if fault == "slow_database":
        used = [name for name in reachable if name in system.databases]
        return str(rng.choice(used or system.databases))
    if fault == "node":
        return system.node_of[str(rng.choice([one for one in reachable if one in system.services]))]
    return str(rng.choice([one for one in reachable if one in system.services]))


def _simulate(
    rng: np.random.Generator, system: System, fault: str, cause: str, begin: int, rows: int
) -> dict[str, np.ndarray]:
    time = np.arange(rows)
    ramp = np.clip((time - begin) / rng.choice([1, 1, 4, 8]), 0, 1) * (time >= begin)
    strength = float(rng.uniform(0.6, 2.5))
    series: dict[str, np.ndarray] = {}

    def noisy(level: float | np.ndarray, spread: float) -> np.ndarray:
        return np.asarray(level * np.exp(rng.normal(0, spread, rows)))

    traffic = {name: np.zeros(rows) for name in system.services + system.databases}
    for entry in system.entries:
        drift = 1 + 0.15 * np.sin(2 * np.pi * (time + rng.integers(0, 500)) / 400)
        traffic[entry] = noisy(rng.uniform(50, 400) * drift, 0.04)
        if fault == "surge" and entry == cause:
            traffic[entry] *= 1 + ramp * (1.5 + strength)
    down = 1 - ramp if fault == "down" else np.ones(rows)
    for name in system.services:
        for callee, per_request in system.calls[name].items():
            sent = traffic[name] * per_request * (down if name == cause else 1)
            traffic[callee] = traffic[callee] + noisy(sent, 0.02)
    usual = {name: np.median(flow[:begin]) + 1e-9 for name, flow in traffic.items()}
    load = {name: flow / usual[name] for name, flow in traffic.items()}
    busy = {name: noisy(rng.uniform(0.2, 0.45), 0.05) for name in system.nodes}
    if fault == "node":
        busy[cause] = np.minimum(busy[cause] + ramp * rng.uniform(0.45, 0.6), 0.99)
    latency: dict[str, np.ndarray] = {}
    errors: dict[str, np.ndarray] = {}
    for name in system.databases[::-1] + system.services[::-1]:
        own = noisy(rng.uniform(0.002, 0.03), 0.08) * (1 + 0.15 * np.maximum(load[name] - 1, 0) ** 1.5)
        wrong = np.abs(rng.normal(0.001, 0.0008, rows)) + 0.02 * np.maximum(load[name] - 2.2, 0)
        cpu = noisy(rng.uniform(0.05, 0.4), 0.06) * (0.3 + 0.7 * load[name])
        memory = noisy(rng.uniform(0.1, 0.9) * 1e9, 0.01)
        if name == cause:
            own, wrong, cpu, memory = _break(fault, ramp, strength, own, wrong, cpu, memory)
        node = system.node_of.get(name)
        if fault == "node" and node == cause:
            own = own * (1 + ramp * 3 * strength)
        for callee, per_request in system.calls.get(name, {}).items():
            own = own + per_request * latency[callee]
            wrong = 1 - (1 - wrong) * (1 - np.minimum(per_request, 1) * errors[callee] * 0.9)
        latency[name], errors[name] = own, np.clip(wrong, 0, 1)
        series[f'cpu_usage_cores{{service="{name}"}}'] = cpu
        series[f'memory_working_set_bytes{{service="{name}"}}'] = memory
        if name in system.databases:
            continue
        series[f'requests_per_second{{service="{name}"}}'] = traffic[name]
        series[f'latency_mean_seconds{{service="{name}"}}'] = latency[name]
        series[f'latency_p99_seconds{{service="{name}"}}'] = noisy(latency[name] * 3, 0.15)
        series[f'error_ratio{{service="{name}"}}'] = errors[name]
    for node in system.nodes:
        series[f'node_cpu_busy_ratio{{service="{node}"}}'] = busy[node]
        series[f'node_disk_used_ratio{{service="{node}"}}'] = 0.4 + 0.0002 * time + rng.normal(0, 0.002, rows)
    bystander = str(rng.choice([one for one in system.services if one != cause]))
    jump = (time > rng.integers(5, rows - 5)) & (rng.random() < 0.5)
    series[f'cpu_usage_cores{{service="{bystander}"}}'] *= 1 + 0.6 * jump
    return series


def _break(
    fault: str, ramp: np.ndarray, strength: float,
    own: np.ndarray, wrong: np.ndarray, cpu: np.ndarray, memory: np.ndarray,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    if fault == "cpu":
        return own * (1 + ramp * 2 * strength), wrong, cpu + ramp * strength, memory
    if fault == "memory":
        leak = np.cumsum(ramp) / max(ramp.sum(), 1)
        return (
            own * (1 + leak * strength),
            wrong + 0.05 * leak * strength,
            cpu,
            memory * (1 + 3 * leak * strength),
        )
    if fault == "delay":
        return own + ramp * 0.1 * strength, wrong, cpu, memory
    if fault == "errors":
        return own, wrong + ramp * 0.15 * strength, cpu, memory
    if fault == "down":
        return (
            own * (1 - 0.8 * ramp),
            np.maximum(wrong, ramp * 0.97),
            cpu * (1 - 0.95 * ramp),
            memory * (1 - 0.7 * ramp),
        )
    if fault == "slow_database":
        return own * (1 + ramp * 5 * strength), wrong, cpu + ramp * strength, memory
    return own, wrong, cpu, memory


def _write_metrics(rng: np.random.Generator, folder: Path, series: dict[str, np.ndarray], rows: int) -> None:
    names = [name for name in series if rng.random() > 0.03]
    values = np.array([series[name] for name in names]).T
    gaps = rng.random(values.shape) < 0.005
    lines = ["timestamp," + ",".join('"' + name.replace('"', '""') + '"' for name in names)]
    for row in range(rows):
        cells = ("" if gap else f"{value:.6g}" for value, gap in zip(values[row], gaps[row], strict=True))
        lines.append(f"{EPOCH + row * STEP_S}," + ",".join(cells))
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")


def _write_logs(
    rng: np.random.Generator, folder: Path, system: System, fault: str, cause: str, begin: int, rows: int,
    series: dict[str, np.ndarray],
) -> None:  # fmt: skip
    named = rng.random() < 0.6
    lines: list[tuple[float, str, str, str]] = []
    for name in system.services:
        ratio = series[f'error_ratio{{service="{name}"}}']
        flow = series[f'requests_per_second{{service="{name}"}}']
        for row in range(rows):
            at = EPOCH + row * STEP_S + float(rng.uniform(0, STEP_S))
            if rng.random() < 0.5:
                lines.append((at, name, "INFO", f"handled {rng.integers(1, 999)} requests"))
            if rng.random() < min(0.9, ratio[row] * min(flow[row], 30)):
                lines.append((at, name, "ERROR", _complain(rng, system, name, cause, fault, named)))
    lines.sort()
    text = (
        json.dumps({"timestamp": at, "service": s, "level": level, "message": m}) for at, s, level, m in lines
    )
    (folder / "logs.jsonl").write_text("\n".join(text) + "\n")


def _complain(
    rng: np.random.Generator, system: System, name: str, cause: str, fault: str, named: bool
) -> str:
    if name == cause and fault != "surge":
        return f"unhandled exception in worker {rng.integers(1, 99)}: invalid state"
    callees = list(system.calls[name])
    if not callees or rng.random() < 0.1:
        return "request failed: internal error"
    culprit = cause if cause in callees else str(rng.choice(callees))
    return (
        f"call to {culprit} failed after {rng.integers(1, 5000)} ms" if named else "upstream request failed"
    )


def _write_events(
    rng: np.random.Generator, folder: Path, system: System, cause: str, begin: int, fault: str
) -> None:
    events = [
        (EPOCH + float(rng.uniform(0, begin * STEP_S)), str(rng.choice(system.services))) for _ in range(3)
    ]
    if fault in ("errors", "delay", "memory") and rng.random() < 0.6:
        events.append((EPOCH + begin * STEP_S - float(rng.uniform(10, 240)), cause))
    rows = [{"timestamp": at, "kind": "deploy", "service": s, "message": "v1"} for at, s in sorted(events)]
    (folder / "events.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")
