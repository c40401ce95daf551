"""The one way in which the server says no."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi.responses import JSONResponse

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
# After these the rest of a body is still on its way: it is not taken in only to be dropped.
_CLOSING = (408, 413)


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: HTTP status; 499 when the client has gone and nobody reads the answer.
        code: a stable word that programs can test.
        message: what is wrong and what is allowed, for a person.
        retry_after: whole seconds until it is worth trying again, or None.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    def response(self, close: bool = False) -> "JSONResponse":
        """OpenAI's error shape.

        Args:
            close: end the connection, because what follows on it cannot be trusted.
        """
        from fastapi.responses import JSONResponse  # late: the worker that decodes pictures needs no fastapi

        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if close or self.status in _CLOSING:
            headers["Connection"] = "close"
        return JSONResponse(
            {"error": {"message": self.message, "type": kind, "code": self.code}}, self.status, headers
        )
