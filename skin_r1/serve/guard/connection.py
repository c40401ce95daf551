"""One connection: how long a client may take to send its headers, and to take its answer.

uvicorn has a time limit for an idle connection after an answer (`timeout_keep_alive`), but none before the first
request, none once a single byte of the next one has come, and none for a client that does not read.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
UNREAD_SECONDS = 30.0


class Connection(H11Protocol):
    """Give it to uvicorn as `http=Connection`.

    h11 rather than httptools: it bounds the headers (16 KiB together with the request line, `h11_max_incomplete_event_size`)
    and refuses more of what is malformed.
    """

    _headers_due: asyncio.TimerHandle | None = None
    _reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has come: its headers are awaited."""
        super().connection_made(transport)
        # So that a single unread byte counts: below asyncio's usual 64 KiB nobody would be told of an answer that nobody
        # takes, and the connection, closed but for these bytes, would stay for ever.
        transport.set_write_buffer_limits(high=0)
        self._watch_headers()

    def data_received(self, data: bytes) -> None:
        """Bytes have come: the time runs unless a request is at work."""
        super().data_received(data)
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        super().connection_lost(exc)
        self._stop_headers()
        self._stop_reading()

    def pause_writing(self) -> None:
        """The answer waits in memory because the client does not read."""
        super().pause_writing()
        self._reading_due = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._stop_reading()

    def _watch_headers(self) -> None:
        at_work = self.cycle is not None and not self.cycle.response_complete
        if at_work or self.transport.is_closing():
            self._stop_headers()
        elif self._headers_due is None:
            self._headers_due = self.loop.call_later(HEADER_SECONDS, self._refuse_headers)

    def _refuse_headers(self) -> None:
        """The end; half a request is answered with 408 first."""
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            head = h11.Response(status_code=408, headers=[("Connection", "close"), ("Content-Length", "0")])
            for event in (head, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _stop_headers(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _stop_reading(self) -> None:
        if self._reading_due is not None:
            self._reading_due.cancel()
            self._reading_due = None
