"""The process in which strangers' bytes are decoded: `Decoder` starts it with an empty environment.

It has one socket, as its standard input; its output goes nowhere. Before the first byte of a stranger it gives up, for
good, what decoding does not need: opening any file or socket, writing to disk, starting a process, leaving a core dump,
and memory and processor time beyond a bound. So code that a broken picture might smuggle in has nowhere to go.
"""

import base64
import io
import json
import math
import resource
import socket
import sys
from dataclasses import asdict
from typing import Any

from PIL import Image, ImageCms, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from skin_r1.serve.intake import frame
from skin_r1.serve.intake.clean import clean, written_anew
from skin_r1.serve.intake.picture import FORMATS, ImageLimits
from skin_r1.serve.intake.quality import advise
from skin_r1.serve.refused import Refused

# Named so that nothing is left to import once no file can be opened: Pillow loads its plugins late (EXIF is TIFF's).
PLUGINS = (ImageCms, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
FORBIDDEN = {
    "RLIMIT_NOFILE": 0,  # no file, no socket: a new one would need a descriptor
    "RLIMIT_FSIZE": 0,
    "RLIMIT_NPROC": 0,  # has no effect for root
    "RLIMIT_CORE": 0,  # a dump would hold the picture
}


def confine(memory_mib: int) -> None:
    """Give up what decoding does not need."""
    for name, value in FORBIDDEN.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    if sys.platform == "linux":  # macOS knows the limit, but refuses values under its shared libraries
        resource.setrlimit(resource.RLIMIT_AS, (memory_mib * 2**20,) * 2)


def answer(head: dict[str, Any], data: bytes, limits: ImageLimits) -> tuple[dict[str, Any], bytes]:
    """One picture -> what to reply, and the picture's data URL."""
    try:
        image, size = clean(data, limits, head["expected"])
        found = [asdict(advice) for advice in advise(image, size, head["modality"])]
        kind, written = written_anew(image, data)
        url = f"data:image/{kind};base64,".encode() + base64.b64encode(written)
    except Refused as error:
        return {"refused": (error.status, error.code, error.message)}, b""
    except MemoryError:
        message = "decoding the picture needs too much memory; save it as a plain JPEG or make it smaller"
        return {"refused": (413, "image_too_costly", message), "tired": True}, b""
    return {"width": image.width, "height": image.height, "quality": found}, url


def serve(link: socket.socket, limits: ImageLimits, seconds: float) -> None:
    """Answer until the gateway closes the socket."""
    while start := link.recv(frame.LENGTHS.size, socket.MSG_WAITALL):
        sizes = frame.lengths(start, limits.max_bytes)
        head, data = (_receive(link, size) for size in sizes)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        until = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1  # the gateway may be gone: this still ends
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        reply, url = answer(json.loads(head), data, limits)
        for piece in frame.pack(reply, url):
            link.sendall(piece)


def _receive(link: socket.socket, size: int) -> bytes:
    data = link.recv(size, socket.MSG_WAITALL) if size else b""
    if len(data) < size:
        raise SystemExit(0)  # the gateway is gone
    return data


def main() -> None:
    """Options as JSON: `limits` (of `ImageLimits`), `seconds`, `memory_mib`."""
    options = json.loads(sys.argv[1])
    limits = ImageLimits(**options["limits"])
    link = socket.socket(fileno=0)
    for kind in FORMATS:  # load what is loaded late, while that is possible
        drawn = io.BytesIO()
        Image.new("RGB", (64, 64), "brown").save(drawn, kind)
        answer({"expected": kind, "modality": None}, drawn.getvalue(), limits)
    confine(options["memory_mib"])
    link.sendall(frame.pack({"ready": True})[0])
    serve(link, limits, options["seconds"])


if __name__ == "__main__":
    main()
