"""The page's own files, sent with the gateway's security headers, before recorded event streams; and a browser.

What is under test is the page: the streams stand for a model that is fast and whose answers are known.
"""

import asyncio
import json
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Route

import skin_r1
from skin_r1.serve.guard.shield import Shield

UI = Path(skin_r1.__file__).parent / "serve" / "ui"
STREAMS = json.loads(Path(__file__).with_name("page_streams.json").read_text(encoding="utf-8"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
FLAGS += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a camera that shows a test picture


class Replay:
    """What the next requests get, and what was sent.

    Attributes:
        replies: served in order: a list of events, (status, code, message, headers), or raw text of a stream.
        hold: stop before the event of this number until `go` is set.
        asked: per request its fields, with the pictures' bytes under `image`.
        gone: set when a client left before the end.
        key: the API key asked for, or None.
    """

    def __init__(self):
        self.reset()

    def reset(self):
        self.replies, self.asked, self.hold, self.key, self.models = [], [], None, None, ["grpo"]
        self.go, self.gone = threading.Event(), threading.Event()

    async def diagnose(self, request):
        if self.refuses(request):
            return refusal(401, "invalid_api_key", "send a valid key: Authorization: Bearer KEY")
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if name != "image"}
            self.asked.append({**fields, "image": [await file.read() for file in form.getlist("image")]})
        reply = self.replies.pop(0)
        if isinstance(reply, tuple):
            return refusal(*reply)
        return StreamingResponse(self.events(reply), media_type="text/event-stream")

    async def events(self, reply):
        if isinstance(reply, str):
            yield reply
            return
        try:
            for number, event in enumerate(reply):
                while number == self.hold and not self.go.is_set():
                    await asyncio.sleep(0.02)
                yield f"data: {json.dumps(event)}\n\n"
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:  # what Starlette does to a stream that nobody reads
            self.gone.set()
            raise

    def refuses(self, request):
        return self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}"

    async def list_models(self, request):
        if self.refuses(request):
            return refusal(401, "invalid_api_key", "send a valid key")
        return JSONResponse({"object": "list", "data": [{"id": name} for name in self.models]})


def refusal(status, code, message, headers=None):
    return JSONResponse({"error": {"message": message, "code": code}}, status, headers)


@contextmanager
def page_server():
    """Yields (address, replay)."""
    replay = Replay()

    async def ready(_):
        return JSONResponse({"status": "ready", "model": "grpo"})

    async def file(request):
        return FileResponse(UI / (request.path_params["name"] or "index.html"))

    routes = [
        Route("/readyz", ready),
        Route("/v1/models", replay.list_models),
        Route("/v1/diagnose", replay.diagnose, methods=["POST"]),
        Route("/{name:path}", file),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Shield)])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", replay
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)
