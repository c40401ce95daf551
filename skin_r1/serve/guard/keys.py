"""API keys: who a caller is, what the key is good for, and how much it may ask.

A file of keys has a line a key; `#` begins a comment. Only the hash is needed:

    sha256-hash  name  scopes  requests_per_minute  concurrent

The server keeps hashes only. They are unsalted and fast on purpose: `new_key` draws 256 random bits, which no table
and no guessing reaches; a password made up by a person would not be safe this way.
"""

import hashlib
import ipaddress
import os
import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from skin_r1.errors import problem
from skin_r1.serve.guard.buckets import Buckets

SCOPES = ("diagnose", "chat", "metrics")
REQUESTS_PER_MINUTE = 600.0
CONCURRENT = 16
_COLUMNS = ("hash", "name", "scopes", "requests_per_minute", "concurrent")
_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        id: the key's name, or 8 digits of its hash; `local` where no key is asked for. Never the key.
        scopes: what the key is good for, out of `SCOPES`.
        requests_per_minute: in the long run; `inf`: no limit.
        concurrent: requests at work at one time.
    """

    id: str
    scopes: frozenset[str] = frozenset(SCOPES)
    requests_per_minute: float = REQUESTS_PER_MINUTE
    concurrent: int = CONCURRENT


LOCAL = Caller("local", requests_per_minute=float("inf"), concurrent=10**6)


class Keys:
    """The keys in force; `reload` takes up a changed file.

    Attributes:
        wrong: counts the wrong keys of each client address.
    """

    def __init__(self, host: str, file: str | Path | None = None) -> None:
        """Read `SKIN_R1_API_KEYS` (comma-separated keys, every scope, the usual limits) and the file.

        Raises:
            UserError: a mistake in the file, or there is no key and `host` is not the loopback interface.
        """
        self._host, self._file = host, Path(file) if file is not None else None
        self.wrong = Buckets()
        self._known: tuple[tuple[str, Caller], ...] = ()
        self.reload()

    def reload(self) -> None:
        """Read both sources again. After an error the keys that were in force stay in force.

        Raises:
            UserError: as the constructor.
        """
        given = [key.strip() for key in os.environ.get("SKIN_R1_API_KEYS", "").split(",") if key.strip()]
        hashes = dict.fromkeys(hashlib.sha256(key.encode()).hexdigest() for key in given)
        known = {digest: Caller(digest[:8]) for digest in hashes}
        if self._file is not None:
            listed = read_keys(self._file)
            if not listed:  # perhaps cut short while it was edited: it must not open the server to everyone
                next_step = "skin-r1 serve --new_key NAME >> FILE, or leave --api_keys_file out"
                raise problem("the file of keys holds no key", file=self._file, next_step=next_step)
            known |= listed
        if not known and not is_loopback(self._host):
            raise problem(
                "without an API key the server answers on this machine only",
                column="host",
                found=self._host,
                allowed=("127.0.0.1", "localhost", "::1"),
                next_step="set SKIN_R1_API_KEYS=KEY[,KEY...] or --api_keys_file FILE to serve other machines",
            )
        self._known = tuple(known.items())

    def __len__(self) -> int:
        """How many keys are in force; with none, no key is asked for."""
        return len(self._known)

    def caller(self, key: bytes) -> Caller | None:
        """Whose key it is.

        Every known hash is compared, each in constant time, so that the time taken tells nothing about any of them.

        Args:
            key: as sent; any bytes, any length.
        """
        digest = hashlib.sha256(key).hexdigest()
        found = None
        for known, caller in self._known:
            if compare_digest(known, digest):
                found = caller
        return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_key(
    name: str,
    scopes: tuple[str, ...] = SCOPES,
    requests_per_minute: float = REQUESTS_PER_MINUTE,
    concurrent: int = CONCURRENT,
) -> tuple[str, str]:
    """A fresh key of 256 random bits, to be handed over, and its line for the file of keys.

    Raises:
        UserError: as for a line of the file.
    """
    key = "skin-r1-" + secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    line = f"{digest}  {name}  {','.join(scopes)}  {requests_per_minute:.10g}  {concurrent}"
    _read_line(line.split(), Path("the new line"), 1)
    return key, line


def read_keys(file: Path) -> dict[str, Caller]:
    """The keys of a file: SHA-256 hash (hex) -> caller.

    Raises:
        UserError: with row and column, and what is allowed.
    """
    if not file.is_file():
        raise problem("there is no such file of key hashes", file=file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise problem("the file of keys is not UTF-8 text", file=file, allowed="a line a key") from error
    known: dict[str, Caller] = {}
    for row, line in enumerate(text.split("\n"), start=1):
        fields = line.split("#")[0].split()
        if not fields:
            continue
        digest, caller = _read_line(fields, file, row)
        if digest in known:
            raise problem("the key is there twice", file=file, row=row, column="hash", allowed="each key once")
        if caller.id in {other.id for other in known.values()}:
            # Limits and the audit log go by the name: two keys of one name would share them unseen.
            raise problem("the name is there twice", file=file, row=row, column="name", found=caller.id)
        known[digest] = caller
    return known


def _read_line(fields: list[str], file: Path, row: int) -> tuple[str, Caller]:
    """One line, split at blanks; columns that are missing take their defaults."""
    checks = {
        "hash": (r"(?i)[0-9a-f]{64}", "64 hexadecimal digits; printf %s YOUR_KEY | sha256sum"),
        "name": (r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", "up to 40 letters, digits and _.-"),
        "scopes": (
            rf"({'|'.join(SCOPES)})(,({'|'.join(SCOPES)}))*",
            f"some of {', '.join(SCOPES)} with commas between",
        ),
        "requests_per_minute": (r"[0-9]{1,7}(\.[0-9]{1,3})?", "a number above 0 and below 10,000,000"),
        "concurrent": (r"[0-9]{1,5}", "a whole number from 1 to 99,999"),
    }
    if len(fields) > len(_COLUMNS):
        raise problem("too many columns", file=file, row=row, found=fields[len(_COLUMNS)], allowed="  ".join(_COLUMNS))
    values = dict(zip(_COLUMNS, fields, strict=False))
    for column, value in values.items():
        pattern, allowed = checks[column]
        number = column in ("requests_per_minute", "concurrent")
        if not re.fullmatch(pattern, value) or (number and float(value) == 0) or value.lower() == _NOTHING:
            # A hash column may hold the key itself by mistake: it is not shown.
            found = value if column != "hash" else f"{len(value)} characters"
            raise problem(f"not a good {column}", file=file, row=row, column=column, found=found, allowed=allowed)
    digest = values["hash"].lower()
    return digest, Caller(
        values.get("name", digest[:8]),
        frozenset(values["scopes"].split(",")) if "scopes" in values else frozenset(SCOPES),
        float(values.get("requests_per_minute", REQUESTS_PER_MINUTE)),
        int(values.get("concurrent", CONCURRENT)),
    )
