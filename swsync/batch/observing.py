"""What a batch tells others while it runs: one small protocol, with adapters for OpenTelemetry and Prometheus."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from swsync.callbacks import FAILURES
from swsync.errors import ConfigurationError

__all__ = ["Observer", "OpenTelemetryObserver", "PrometheusObserver", "tell"]

logger = logging.getLogger(__name__)
MOST_OUTCOMES = 100  # of one registry
_lock = threading.Lock()
# By registry, which knows a name once; guarded by _lock.
_metrics: weakref.WeakKeyDictionary[Any, tuple[Any, Any, set[str]]] = weakref.WeakKeyDictionary()


class Observer(Protocol):
    """Told of events. No number, name or text of a person is in them. Called from several threads; be quick."""

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """Something happened: ``dialed``, ``answered``, ``finished`` (``outcome``), ``skipped``, ``halted`` ..."""

    def span(self, name: str, start: float, end: float, labels: Mapping[str, str]) -> None:
        """Something took from ``start`` to ``end``, seconds since 1970: ``call``."""


def tell(observers: Sequence[Observer], method: str, *args: Any) -> None:
    """Tell all; one that fails harms nobody."""
    for observer in observers:
        try:
            getattr(observer, method)(*args)
        except FAILURES:  # somebody else's code
            logger.exception("an observer failed")


class PrometheusObserver:
    """A counter ``swsync_batch_events_total`` (``event``, ``outcome``), a histogram ``swsync_batch_seconds``.

    All of one registry share them. From the hundredth outcome on, new ones are ``other``.

    Args:
        registry: A ``prometheus_client.CollectorRegistry``; the default one without it.

    Raises:
        ConfigurationError: prometheus_client is not installed.
    """

    def __init__(self, registry: Any = None) -> None:
        try:
            import prometheus_client
        except ImportError:
            raise ConfigurationError("this needs prometheus_client: pip install 'swsync[prometheus]'") from None
        registry = registry or prometheus_client.REGISTRY
        with _lock:
            if registry not in _metrics:
                _metrics[registry] = _made(prometheus_client, registry)
            self._count, self._seconds, self._outcomes = _metrics[registry]

    def _outcome(self, labels: Mapping[str, str]) -> str:
        """The outcome as a label: a script may name any number of them, and each is a series that stays."""
        outcome = labels.get("outcome", "")
        with _lock:
            if len(self._outcomes) < MOST_OUTCOMES:
                self._outcomes.add(outcome)
            return outcome if outcome in self._outcomes else "other"

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        self._count.labels(event=name, outcome=self._outcome(labels)).inc()

    def span(self, name: str, start: float, end: float, labels: Mapping[str, str]) -> None:
        self._seconds.labels(what=name, outcome=self._outcome(labels)).observe(max(0.0, end - start))


def _made(prometheus_client: Any, registry: Any) -> tuple[Any, Any, set[str]]:
    count = prometheus_client.Counter("swsync_batch_events", "What happened", ["event", "outcome"], registry=registry)
    seconds = prometheus_client.Histogram(
        "swsync_batch_seconds", "How long it took", ["what", "outcome"],
        buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600), registry=registry,
    )  # fmt: skip
    return count, seconds, set()


class OpenTelemetryObserver:
    """A counter ``swsync.batch.events`` and a span for each call.

    Args:
        meter_provider: Of the ``opentelemetry`` API; the global one without it.
        tracer_provider: The same.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """

    def __init__(self, meter_provider: Any = None, tracer_provider: Any = None) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise ConfigurationError("this needs opentelemetry-api: pip install 'swsync[otel]'") from None
        self._events = metrics.get_meter("swsync.batch", meter_provider=meter_provider).create_counter(
            "swsync.batch.events"
        )
        self._tracer = trace.get_tracer("swsync.batch", tracer_provider=tracer_provider)

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        self._events.add(1, {"event": name, **labels})

    def span(self, name: str, start: float, end: float, labels: Mapping[str, str]) -> None:
        span = self._tracer.start_span(f"swsync.batch.{name}", start_time=int(start * 1e9), attributes=dict(labels))
        span.end(end_time=int(max(start, end) * 1e9))
