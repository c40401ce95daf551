"""Spans for OpenTelemetry where the operator asks for them (`OTEL_EXPORTER_OTLP_ENDPOINT`), else nothing.

A span has a name, times, and the attributes that the caller gives it: sizes, routes, codes, never content. An exception is
kept by type only. Trace headers of a client are not read: a stranger may not choose our trace ids.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from skin_r1.errors import problem
from skin_r1.serve.refused import Refused

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
# span("engine", model="...") -> a context manager; use it around awaits, not around a generator's yield
Span = Callable[..., AbstractContextManager[None]]


def spans_from_environment() -> Span:
    """Spans to the collector that the environment names, over HTTP in the background; without one, spans that do nothing.

    Raises:
        UserError: a collector is named, but OpenTelemetry is not installed.
    """
    if not os.environ.get(ENDPOINT):
        return lambda name, **attributes: nullcontext()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        next_step = f"pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http   (or unset {ENDPOINT})"
        raise problem("OpenTelemetry is not installed", found=error.name, next_step=next_step) from error
    return spans_to(BatchSpanProcessor(OTLPSpanExporter()))


def spans_to(processor: "SpanProcessor") -> Span:
    """Spans to a processor of the OpenTelemetry SDK; they nest by context, and the last ones are sent at exit."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import StatusCode

    provider = TracerProvider(resource=Resource.create({"service.name": "skin-r1"}))
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("skin_r1.serve")

    @contextmanager
    def span(name: str, **attributes: Any) -> Iterator[None]:
        # The SDK's own record of an exception holds its words.
        with tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as current:
            try:
                yield
            except BaseException as error:
                current.set_attribute("error.type", error.code if isinstance(error, Refused) else type(error).__name__)
                current.set_status(StatusCode.ERROR)
                raise

    return span
