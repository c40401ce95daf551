"""A real browser, without a driver: Chromium over its debugging protocol."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One tab; `width` and `height` in CSS pixels."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.number = socket, 0

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command and its result."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self.socket.recv(timeout=60))
            if said.get("id") == self.number:
                assert "error" not in said, said["error"]
                return dict(said["result"])

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show a file."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.enable")
        self.send("Page.navigate", url=path.resolve().as_uri())
        while self.evaluate("document.readyState + ' ' + location.protocol") != "complete file:":
            pass

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, asked from outside: the page itself runs no script."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element, as a reader does."""
        self.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y = self.evaluate(f"{box}.x + {box}.width / 2"), self.evaluate(f"{box}.y + {box}.height / 2")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: Path, *, clip: dict[str, float] | None = None) -> None:
        """A PNG of the window, or of a part of the page: x, y, width, height, scale."""
        options = {"clip": clip, "captureBeyondViewport": True} if clip else {}
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png", **options)["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Chromium with a profile in `folder`, and its tab."""
    from urllib.request import urlopen

    from websockets.sync.client import connect

    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"]
    command = [str(CHROMIUM), *options, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stderr is not None
            address = next(line for line in running.stderr if "DevTools listening on" in line)
            port = address.split("127.0.0.1:")[1].split("/")[0]
            with urlopen(f"http://127.0.0.1:{port}/json") as answer:
                tab = next(tab for tab in json.load(answer) if tab["type"] == "page")
            with connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
                yield Page(socket)
        finally:
            running.terminate()
