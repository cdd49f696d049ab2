"""Samples of the past in, a Prometheus data folder that remembers them out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.servers.debian import unpacked


def backfill(folder: Path, samples: Callable[[float], Mapping[str, float]], times: Iterable[float]) -> None:
    """Write blocks into ``folder``, which becomes the data folder of a Prometheus that is not yet started.

    ``samples`` gives what an exporter would have shown at a time, such as ``{'free{instance="a"}': 0.5}``.
    """
    families: dict[str, list[str]] = {}
    for at in times:
        for name, value in samples(at).items():
            families.setdefault(name.split("{")[0], []).append(f"{name} {value} {at:.3f}")
    text = folder.with_suffix(".om")
    lines = [line for family in sorted(families) for line in (f"# TYPE {family} gauge", *families[family])]
    text.write_text("\n".join([*lines, "# EOF", ""]))
    promtool = unpacked("prometheus") / "usr" / "bin" / "promtool"
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", text, folder], check=True, capture_output=True
    )
    text.unlink()
