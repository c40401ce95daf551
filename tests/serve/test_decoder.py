"""The worker processes: what they may not do, and what happens when one hangs, dies or loses its client."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attack_pictures import SERVED
from serving import skin_picture

from skin_r1.errors import UserError
from skin_r1.serve.intake.decoder import Decoder
from skin_r1.serve.intake.picture import Picture
from skin_r1.serve.refused import Refused

SMALL, LARGE = skin_picture(), SERVED["36 megapixels, transparent"][0]  # a second or more


def with_decoder(test, **options):
    """Run `await test(decoder)` on a started decoder; all its processes must be gone afterwards."""

    async def go():
        decoder = Decoder(**options)
        await decoder.start()
        seen = set(decoder.pids)
        try:
            return await test(decoder)
        finally:
            seen |= set(decoder.pids)
            await decoder.stop()
            assert not [pid for pid in seen if Path(f"/proc/{pid}").exists()]

    return asyncio.run(go())


async def outcome(work):
    try:
        return await work
    except Refused as refusal:
        return refusal.status, refusal.code


def test_many_at_once_each_get_their_own_picture():
    async def test(decoder):
        sizes = [(40 + number, 50 + number // 2) for number in range(40)]
        pictures = await asyncio.gather(*(decoder.picture(skin_picture("PNG", size)) for size in sizes))
        assert [(picture.width, picture.height) for picture in pictures] == sizes
        assert len(decoder.pids) == 2

    with_decoder(test)


def test_a_worker_that_hangs_is_killed_and_the_next_picture_works():
    async def test(decoder):
        (pid,) = decoder.pids
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        assert await outcome(decoder.picture(SMALL)) == (422, "image_too_slow")
        assert time.monotonic() - began < 10
        assert isinstance(await decoder.picture(SMALL), Picture)
        assert decoder.pids != [pid]

    with_decoder(test, workers=1, seconds=1.0)


def test_a_worker_killed_at_work_is_replaced():
    async def test(decoder):
        (pid,) = decoder.pids
        work = asyncio.ensure_future(outcome(decoder.picture(LARGE)))
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        assert await work == (503, "decoder_failed")
        assert isinstance(await decoder.picture(SMALL), Picture)

    with_decoder(test, workers=1)


def test_a_worker_that_died_idle_costs_no_request():
    async def test(decoder):
        for pid in decoder.pids:
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.3)
        for _ in range(3):
            assert isinstance(await decoder.picture(SMALL), Picture)
        assert len(decoder.pids) <= 2

    with_decoder(test)


def test_a_client_that_leaves_does_not_put_the_worker_out_of_step():
    async def test(decoder):
        (pid,) = decoder.pids
        for pause in (0.0, 0.001, 0.3):
            gone = asyncio.ensure_future(decoder.picture(LARGE))
            queued = asyncio.ensure_future(decoder.picture(SMALL))
            await asyncio.sleep(pause)
            gone.cancel()
            queued.cancel()
            own = await decoder.picture(skin_picture("PNG", (77, 55)))
            assert (own.width, own.height) == (77, 55)
        assert decoder.pids == [pid]

    with_decoder(test, workers=1)


def test_a_worker_is_replaced_when_it_has_done_its_share():
    async def test(decoder):
        seen = set()
        for _ in range(5):
            await decoder.picture(SMALL)
            seen |= set(decoder.pids)
        assert len(seen) == 3 and len(decoder.pids) <= 1

    with_decoder(test, workers=1, pictures_each=2)


def test_what_a_worker_may_not_do():
    """The confinement, in a process of its own: files, sockets, programs, memory."""
    tried = """
import os, resource, socket, sys
from skin_r1.serve.intake.worker import confine
confine(1024)
for name, attempt in {
    "read": lambda: open("/etc/passwd"), "write": lambda: open("/tmp/x", "w"), "socket": socket.socket,
    "pipe": os.pipe, "memory": lambda: bytearray(2**30),
    "unlimit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)) if os.getuid() else int("root"),
}.items():
    try:
        attempt()
    except (OSError, MemoryError, ValueError):
        continue
    sys.exit(name)
"""
    done = subprocess.run([sys.executable, "-I", "-c", tried], env={}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_knows_nothing_of_its_parent(monkeypatch):
    monkeypatch.setenv("SKIN_R1_API_KEYS", "secret")

    async def test(decoder):
        for pid in decoder.pids:
            assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
            links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
            assert sorted(link.split(":")[0] for link in links) == ["/dev/null", "/dev/null", "socket"]
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert all(name in limits for name in ("Max open files            0", "Max core file size        0"))

    with_decoder(test)


def test_a_worker_ends_with_its_gateway():
    """Killed, not stopped: nobody tells the workers."""
    gateway = """
import asyncio, sys
from skin_r1.serve.intake.decoder import Decoder
async def go():
    decoder = Decoder()
    await decoder.start()
    print(*decoder.pids, flush=True)
    await asyncio.sleep(60)
asyncio.run(go())
"""
    with subprocess.Popen([sys.executable, "-c", gateway], stdout=subprocess.PIPE, text=True) as process:
        pids = process.stdout.readline().split()
        process.kill()
    deadline = time.monotonic() + 10
    while alive := [pid for pid in pids if running(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)
    assert len(pids) == 2


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_decoder_that_cannot_start_says_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")  # ends at once, as a Python without Pillow would
    with pytest.raises(UserError, match="does not start"):
        asyncio.run(Decoder().start())
