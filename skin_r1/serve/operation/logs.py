"""Logs as JSON, one object a line, without content of a request.

What an exception says may hold a text or a picture of a patient ("could not convert string to float: ..."), and so may what
a library logs. So an exception is logged by type and place; the words of a log line are kept where we know who wrote them
(ours and uvicorn's), and of any other library only its name and place.

Use: `uvicorn.Config(app, log_config=CONFIG, access_log=False)`; `log_request` takes the place of the access log.
"""

import json
import logging
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

KNOWN = ("skin_r1", "uvicorn")
FRAMES = 8  # places of an exception that are kept, the innermost last
_requests = logging.getLogger("skin_r1.request")


class JsonFormatter(logging.Formatter):
    """One record -> one JSON object: time (UTC), level, logger, message or place, and what `extra={"fields": ...}` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; characters outside ASCII and line ends are escaped, so no value can fake a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.split(".")[0] in KNOWN:
            line["message"] = record.getMessage().strip()
        else:
            line["at"] = f"{record.filename}:{record.lineno} {record.funcName}"
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["error"] = _kinds(record.exc_info[1])
            line["places"] = _places(record.exc_info[2])
        return json.dumps(line)


def _kinds(error: BaseException) -> list[str]:
    """Type names of an exception and of what caused it, the outermost first; never its words."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < FRAMES:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return kinds


def _places(trace: TracebackType | None) -> list[str]:
    """`file.py:line function` of the innermost frames."""
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-FRAMES:]


def log_request(request: str, key: str | None, route: str, status: int, seconds: float) -> None:
    """The one line of a request.

    Args:
        request: the id that we gave it.
        key: id of the caller's key; None where it had no valid one.
        route: template of the route, or `other`; never the path as the client wrote it.
        status: of the response; 499 where the client went away.
        seconds: from the request's head to the end of its answer.
    """
    fields = {"request": request, "key": key, "route": route, "status": status, "seconds": round(seconds, 4)}
    _requests.info("request", extra={"fields": fields})


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": f"{__name__}.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"skin_r1": {"level": "INFO"}, "uvicorn": {"level": "INFO"}},
}
