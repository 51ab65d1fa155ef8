"""How far each read model is behind, for whoever watches: see OUTBOX["GAUGES"]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import Max
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from outbox.models import Position
from projections import registry
from projections.models import Checkpoint, Quarantined


def lag() -> Iterable[Metric]:
    """Return the positions each read model has still to read, and which stopped."""
    behind = GaugeMetricFamily(
        "projections_lag_events",
        "Events with a position that a read model has not folded yet.",
        labels=["projection"],
    )
    stopped = GaugeMetricFamily(
        "projections_stopped",
        "Whether a read model has met an event that it cannot take.",
        labels=["projection"],
    )
    aside = GaugeMetricFamily(
        "projections_quarantined_events",
        "Events that a read model has passed without folding them.",
        labels=["projection"],
    )
    counts = Counter(Quarantined.objects.values_list("projection", flat=True))
    end = Position.objects.aggregate(end=Max("position"))["end"] or 0
    found = Checkpoint.objects.in_bulk()
    for name in registry.read_models():
        checkpoint = found.get(name) or Checkpoint(name=name)
        behind.add_metric([name], max(0, end - checkpoint.position))
        stopped.add_metric([name], float(checkpoint.stopped_at is not None))
        aside.add_metric([name], counts[name])
    return [behind, stopped, aside]
