"""The one way in which the server says no."""


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: HTTP status.
        code: a stable word that programs can test.
        message: what is wrong and what is allowed, for a person.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
