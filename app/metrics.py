"""/metrics for Prometheus: counts and depths, no label that names a person or a text."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from bot.gateway import Gateway
from storage.database import Database
from storage.inbox import counts_by_status
from storage.outbox import counts_by_status as outbox_by_status


class _Collector:
    def __init__(self, gateway: Gateway, reading: Database) -> None:
        self.gateway = gateway
        self.reading = reading

    def collect(self) -> Iterable[Metric]:
        gateway = self.gateway
        yield CounterMetricFamily("buqi_messages", "Events handled by this process.", value=gateway.messages)
        yield CounterMetricFamily("buqi_batches", "Transactions they were committed in.", value=gateway.batches)
        yield CounterMetricFamily("buqi_repeats", "Redeliveries that changed nothing.", value=gateway.repeats)
        yield CounterMetricFamily("buqi_failures", "Events put aside for another try.", value=gateway.failures)
        yield GaugeMetricFamily("buqi_waiting", "Events not yet committed.", value=gateway.waiting)
        with self.reading.transaction() as tx:
            inbox, outbox = counts_by_status(tx), outbox_by_status(tx)
        for name, text, counts in (
            ("buqi_inbox", "Events by status.", inbox),
            ("buqi_outbox", "Outgoing messages by status.", outbox),
        ):
            family = GaugeMetricFamily(name, text, labels=["status"])
            for status, count in sorted(counts.items()):
                family.add_metric([status], count)
            yield family


def render_metrics(gateway: Gateway, reading: Database) -> bytes:
    """The page Prometheus reads (text exposition format 0.0.4). Reads the database: not for the event loop.

    Raises:
        SQLAlchemyError: the database does not answer.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(gateway, reading))
    return generate_latest(registry)
