"""Pictures of skin-like color, and the server as a user starts it."""

import io
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import numpy as np
from PIL import Image

from skin_r1.reading import render

GOLD = render("I see a brown spot", ["regular border"], ["seborrheic keratosis"], "melanocytic nevus", "benign")


def skin_picture(kind="JPEG", size=(96, 80), seed=0, **save):
    """Bytes of a brown spot on skin."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[1], : size[0]]
    inside = (rows - size[1] / 2) ** 2 + (columns - size[0] / 2) ** 2 < (min(size) / 3) ** 2
    pixels = np.where(inside[..., None], (92, 58, 40), (224, 178, 150)) + rng.normal(0, 6, (size[1], size[0], 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(buffer, kind, **save)
    return buffer.getvalue()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(tmp_path, *arguments, env=None, patience=180):
    """`skin-r1 serve` as a user starts it; yields (client, process) once /readyz says 200."""
    port = free_port()
    command = [sys.executable, "-m", "skin_r1.cli", "serve", "--port", str(port), *map(str, arguments)]
    log = (tmp_path / "serve.log").open("w+")
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False)
    try:
        deadline = time.monotonic() + patience
        while True:
            assert process.poll() is None, (tmp_path / "serve.log").read_text()[-4000:]
            try:
                if client.get("/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, (tmp_path / "serve.log").read_text()[-4000:]
            time.sleep(0.3)
        yield client, process
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=60)
        log.close()
