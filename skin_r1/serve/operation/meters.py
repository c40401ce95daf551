"""Figures for Prometheus. No label holds a key, an id or content; a label's values are few and known beforehand."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

# Seconds. A picture is decoded in some 10 ms; a long answer of a large model takes up to 2 minutes.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)


class Meters:
    """The gateway's figures, in a registry of their own: what a library counts elsewhere stays out.

    `route` is the template of a route that the application has (`/v1/diagnose`), or `other`: a path as the client wrote it
    would be content, and without end.
    """

    def __init__(self) -> None:
        """All figures at zero; the process's own (memory, CPU, open files) are read when asked."""
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"skin_r1_{name}", about, labels, registry=registry)

        def histogram(name: str, about: str, *labels: str) -> Histogram:
            return Histogram(f"skin_r1_{name}", about, labels, registry=registry, buckets=BUCKETS)

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"skin_r1_{name}", about, labels, registry=registry)

        self._requests = counter("requests_total", "Requests answered or refused", "route", "status")
        self._seconds = histogram("request_seconds", "From the request's head to the end of its answer", "route")
        self._at_work = gauge("requests_at_work", "Requests begun and not ended", "route")
        self._waiting = gauge("requests_waiting", "Requests that wait for their turn")
        self._refused = counter("refused_total", "Requests refused, by the code that the client gets", "code")
        self._abstained = counter("abstained_total", "Pictures without a diagnosis, by reason", "reason_code")
        self._triage = counter("triage_total", "Answers by triage level", "level")
        self._decode = histogram("decode_seconds", "Checking, decoding and encoding anew one picture")
        self._engine = histogram("engine_seconds", "One completion by the engine, its queue included")

    def began(self, route: str) -> None:
        """A request's head is there."""
        self._at_work.labels(route).inc()

    def ended(self, route: str, status: int, seconds: float) -> None:
        """Its answer has gone out, or the client has gone away (status 499)."""
        self._at_work.labels(route).dec()
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, code: str) -> None:
        """The client was told `code`, one of `Refused`'s."""
        self._refused.labels(code).inc()

    def waiting(self, number: int) -> None:
        """So many requests wait for their turn now."""
        self._waiting.set(number)

    def abstained(self, reason_code: str) -> None:
        """No diagnosis was given."""
        self._abstained.labels(reason_code).inc()

    def triage(self, level: str) -> None:
        """An answer had this level."""
        self._triage.labels(level).inc()

    def decode(self, seconds: float) -> None:
        """One picture was taken in, or refused after so long."""
        self._decode.observe(seconds)

    def engine(self, seconds: float) -> None:
        """One completion, or one that failed after so long."""
        self._engine.observe(seconds)

    def render(self) -> bytes:
        """All figures as Prometheus reads them: text format 0.0.4, `prometheus_client.CONTENT_TYPE_PLAIN_0_0_4`."""
        return generate_latest(self._registry)
