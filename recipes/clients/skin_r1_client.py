#!/usr/bin/env python3
"""A client of the Skin-R1 gateway in one file: Python 3.10 or newer, nothing to install. Copy it into your project.

Research use only: not a medical device. Do not use the answers for decisions about care.

    from skin_r1_client import Client

    client = Client("http://127.0.0.1:8000", key="...")            # the key may be None on the server's own machine
    answer = client.diagnose(["lesion.jpg"], modality="dermoscopic", history="growing for two months")
    print(answer["triage"]["level"], answer["diagnosis"])          # diagnosis is None where answer["abstained"]
    print(client.ask(answer["case"], "What speaks against a nevus?")["answer"])
    for event in client.stream(["lesion.jpg"]):                    # the same in parts, while the model writes
        print(event["type"])

On the command line: python skin_r1_client.py lesion.jpg --url http://127.0.0.1:8000   (key: SKIN_R1_API_KEY)
"""

import argparse
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any


class Refusal(Exception):
    """The server said no.

    Attributes:
        status: HTTP status; 0 where the server could not be reached.
        code: a stable word, for example `rate_limited`, `not_an_image`, `invalid_api_key`.
        retry_after: seconds that the server asks to wait, or None.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{message} ({code})")
        self.status, self.code, self.retry_after = status, code, retry_after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The gateway never redirects; a picture and a key must not follow one elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Client:
    """A gateway and a key.

    Attributes:
        url: its address, without `/v1`; https:// but on your own machine.
        key: the API key; None where the server asks for none.
        timeout: seconds without a byte after which a request is given up.
        retries: how often a request is sent again that was refused with 429 or 503 and a `Retry-After`.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 330.0
    retries: int = 3

    def diagnose(self, images: Sequence[str | Path | bytes], **fields: object) -> dict[str, Any]:
        """One to four pictures of one lesion -> an answer.

        Args:
            images: files or their bytes; JPEG, PNG or WebP.
            fields: any of modality (clinical, dermoscopic, histopathology), history, age (years), sex (female, male),
                site, skin_type (1-6), model.

        Returns:
            The answer: abstained, reason, diagnosis, malignancy, findings, differential, confidence, triage, case ...

        Raises:
            Refusal: the server does not answer this.
        """
        return self._json(self._send(images, fields))

    def ask(self, case: str, question: str) -> dict[str, Any]:
        """A question about an earlier answer of this key, while the server still has the case; raises `Refusal`."""
        return self._json(self._send((), {"case": case, "question": question}))

    def stream(self, images: Sequence[str | Path | bytes], **fields: object) -> Iterator[dict[str, Any]]:
        """As `diagnose`, in events: quality, token, restart (drop the text so far), progress, and last answer.

        Raises:
            Refusal: as `diagnose`, also in the middle of the stream.
        """
        with closing(self._send(images, {**fields, "stream": "true"})) as response:
            for line in response:
                if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
                    event = json.loads(line[5:])
                    if event["type"] == "error":
                        raise Refusal(response.status, event["error"]["code"], event["error"]["message"])
                    yield event

    def _send(self, images: Sequence[str | Path | bytes], fields: dict[str, object]) -> HTTPResponse:
        files = [image if isinstance(image, bytes) else Path(image).read_bytes() for image in images]
        body, kind = form(files, {name: str(value) for name, value in fields.items() if value is not None})
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        opener = urllib.request.build_opener(_NoRedirect)
        for left in reversed(range(self.retries + 1)):
            request = urllib.request.Request(self.url.rstrip("/") + "/v1/diagnose", body, headers)
            try:
                response: HTTPResponse = opener.open(request, timeout=self.timeout)
                return response
            except urllib.error.HTTPError as error:
                refusal = _refusal(error)
            except OSError as error:  # urllib's own errors too
                raise Refusal(0, "unreachable", f"the server cannot be reached: {error}") from error
            if not left or refusal.status not in (429, 503) or refusal.retry_after is None:
                raise refusal
            time.sleep(refusal.retry_after)
        raise AssertionError("not reached: the last turn returns or raises")

    def _json(self, response: HTTPResponse) -> dict[str, Any]:
        with closing(response):
            answer: dict[str, Any] = json.load(response)
            return answer


def form(images: Sequence[bytes], fields: dict[str, str]) -> tuple[bytes, str]:
    """A multipart/form-data body (RFC 7578) and its Content-Type; file names are not sent, they may name a patient."""
    boundary = secrets.token_hex(16)  # random: it must not occur in a picture
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [('name="image"; filename="image"', data) for data in images]
    head = "--{}\r\nContent-Disposition: form-data; {}\r\n\r\n"
    body = b"".join(head.format(boundary, what).encode() + data + b"\r\n" for what, data in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _refusal(error: urllib.error.HTTPError) -> Refusal:
    wait = error.headers.get("Retry-After", "")
    with closing(error):
        try:
            said = json.load(error)["error"]
            code, message = str(said["code"]), str(said["message"])
        except (ValueError, KeyError, TypeError):  # a proxy on the way answered
            code, message = "unknown", f"the server answered with {error.code}"
    return Refusal(error.code, code, message, float(wait) if wait.isdigit() else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer as JSON; 1 where the server refused."""
    parser = argparse.ArgumentParser(description="Ask a Skin-R1 gateway about pictures. Research use only.")
    parser.add_argument("images", nargs="+", help="one to four files of one lesion: JPEG, PNG or WebP")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the gateway")
    for name in ("modality", "history", "age", "sex", "site", "skin_type", "model"):
        parser.add_argument(f"--{name}", help="see the server's documentation")
    options = vars(parser.parse_args(argv))
    client = Client(options.pop("url"), os.environ.get("SKIN_R1_API_KEY"))
    try:
        answer = client.diagnose(options.pop("images"), **options)
    except Refusal as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
