"""What whoever made a metric says of it, as Prometheus keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram", "summary", "unknown"]


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """Type, unit and help of a metric, or of the family that it is a part of."""

    type: MetricType = "unknown"
    unit: str = ""
    help: str = ""


Metadata = Mapping[str, MetricMetadata]
"""By the name of the metric or family."""
