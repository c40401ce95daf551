"""Worker processes that decode pictures, so that no stranger's bytes reach a decoder inside the gateway.

A worker takes one picture at a time. It is killed when it takes too long, and replaced when it has died, has said that
memory ran short, or has done its share. Who waits for a worker stands in a queue.
"""

import asyncio
import json
import socket
import sys
from dataclasses import asdict
from typing import Any

from skin_r1.errors import problem
from skin_r1.serve.intake import frame
from skin_r1.serve.intake.picture import Advice, ImageLimits, Picture
from skin_r1.serve.refused import Refused

START_SECONDS = 60.0
RETRY_SECONDS = 1.0
# One thread is enough for one picture, and each more of OpenBLAS reserves memory that the limit counts.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Worker:
    """A process and the gateway's end of its socket."""

    def __init__(self, process: asyncio.subprocess.Process, link: socket.socket, max_body: int) -> None:
        self.process, self.done = process, 0
        self._link, self._max_body = link, max_body

    @classmethod
    async def start(cls, options: dict[str, Any], max_body: int) -> "Worker":
        """Start one and wait until it is ready.

        Raises:
            OSError, TimeoutError: it could not be started.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            command = [sys.executable, "-I", "-m", "skin_r1.serve.intake.worker", json.dumps(options)]
            nowhere = asyncio.subprocess.DEVNULL
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=theirs.fileno(), stdout=nowhere, stderr=nowhere, env=ENVIRONMENT
                )
            except BaseException:  # a cancellation too: nobody else would close it
                ours.close()
                raise
        worker = cls(process, ours, max_body)
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker.receive()
        except BaseException:  # a cancellation too: the process would be nobody's
            worker.kill()
            raise
        return worker

    async def ask(self, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytearray]:
        """Send a picture and receive what came of it.

        Raises:
            OSError: the worker died.
            ValueError: it said what was not agreed.
        """
        loop = asyncio.get_running_loop()
        for piece in frame.pack(head, data):
            await loop.sock_sendall(self._link, piece)
        self.done += 1
        return await self.receive()

    async def receive(self) -> tuple[dict[str, Any], bytearray]:
        """The next message; raises as `ask`."""
        head, body = frame.lengths(await self._exactly(frame.LENGTHS.size), self._max_body)
        return json.loads(await self._exactly(head)), await self._exactly(body)

    async def _exactly(self, size: int) -> bytearray:
        loop, data, got = asyncio.get_running_loop(), bytearray(size), 0
        while got < size:
            count = await loop.sock_recv_into(self._link, memoryview(data)[got:])
            if not count:
                raise ConnectionResetError("the worker is gone")
            got += count
        return data

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._link.close()
        if self.process.returncode is None:
            self.process.kill()


class Decoder:
    """A fixed number of workers.

    Args:
        limits: of a picture.
        workers: processes, each busy with one picture.
        seconds: a picture may take this long, by the clock; then its worker is killed.
        memory_mib: address space of a worker (Linux), of which about 250 MiB are libraries.
        pictures_each: after so many a worker is replaced.
    """

    def __init__(
        self,
        limits: ImageLimits | None = None,
        workers: int = 2,
        seconds: float = 20.0,
        memory_mib: int = 1024,
        pictures_each: int = 2000,
    ) -> None:
        self._limits, self._count, self._seconds, self._each = limits or ImageLimits(), workers, seconds, pictures_each
        self._options = {"limits": asdict(self._limits), "seconds": seconds, "memory_mib": memory_mib}
        self._max_body = (
            4 * self._limits.longest_side * (self._limits.longest_side + 1) + 2**16
        )  # base64 of its pixels
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._workers: set[Worker] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Start the workers.

        Raises:
            UserError: one does not start.
        """
        try:
            await asyncio.gather(*(self._add() for _ in range(self._count)))
        except (OSError, TimeoutError, ValueError) as error:
            await self.stop()
            raise problem("the process that decodes pictures does not start", found=repr(error)) from error

    async def stop(self) -> None:
        """End the workers, whatever they do."""
        while self._tasks:  # a decoding that is cancelled asks for a new worker
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            worker.kill()
        await asyncio.gather(*(worker.process.wait() for worker in self._workers))
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that live."""
        return [worker.process.pid for worker in self._workers]

    async def picture(self, data: bytes, expected: str | None = None, modality: str | None = None) -> Picture:
        """Decode, check, measure and write anew.

        Args:
            data: the file's bytes.
            expected: the format that the sender declared (`JPEG`, `PNG`, `WEBP`); must agree with the bytes.
            modality: of `Case.modality`, or None where nobody said it.

        Raises:
            Refused: 413 too large or too costly, 415 not a picture of an allowed format, 422 damaged, of an odd shape
                or too slow to decode, 503 no worker.
        """
        if not data:
            raise Refused(422, "empty_image", "the picture has no bytes")
        if len(data) > self._limits.max_bytes:
            raise Refused(413, "image_too_large", f"the picture has more than {self._limits.max_bytes:,} bytes")
        try:
            async with asyncio.timeout(START_SECONDS):
                while (worker := await self._idle.get()).process.returncode is not None:
                    self._spawn(self._replace(worker))  # it died while idle: not this picture's fault
        except TimeoutError as error:
            raise Refused(503, "decoder_failed", "pictures cannot be decoded at the moment; try again") from error
        # A client that leaves does not stop its picture: the worker would be out of step, and a new one costs more.
        work = self._spawn(self._decode(worker, {"expected": expected, "modality": modality}, data))
        outcome = await asyncio.shield(work)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def _decode(self, worker: Worker, head: dict[str, Any], data: bytes) -> Picture | Refused:
        """Returns a refusal rather than raise it: perhaps nobody is left to take it."""
        healthy = False
        try:
            async with asyncio.timeout(self._seconds):
                reply, body = await worker.ask(head, data)
            healthy = worker.done < self._each and "tired" not in reply
        except TimeoutError:
            return Refused(422, "image_too_slow", f"decoding the picture takes more than {self._seconds:g} seconds")
        except (OSError, ValueError):
            return Refused(503, "decoder_failed", "the process that decodes pictures failed; try again")
        finally:
            if healthy:
                self._idle.put_nowait(worker)
            else:
                self._spawn(self._replace(worker))
        if "refused" in reply:
            return Refused(*reply["refused"])
        advice = tuple(Advice(**each) for each in reply["quality"])
        return Picture(body.decode("ascii"), reply["width"], reply["height"], advice)

    async def _replace(self, worker: Worker) -> None:
        worker.kill()
        await worker.process.wait()  # before its successor starts, so that there are never more than agreed
        self._workers.discard(worker)
        while True:
            try:
                return await self._add()
            except (OSError, TimeoutError, ValueError):  # out of memory or processes: it may pass
                await asyncio.sleep(RETRY_SECONDS)

    async def _add(self) -> None:
        worker = await Worker.start(self._options, self._max_body)
        self._workers.add(worker)
        self._idle.put_nowait(worker)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
