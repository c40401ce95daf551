"""A server as our child process: started, watched, restarted a few times if it dies, ended with us."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

RESTARTS = 3
STABLE_SECONDS = 600.0  # after so long without a fault the count of restarts begins anew
GRACE_SECONDS = 15.0


class Child:
    """One process with its workers.

    Attributes:
        state: in words, for an operator.
        life: counts the starts; another number is another process.
    """

    def __init__(self, title: str, command: Sequence[str], env: Mapping[str, str], restarts: int = RESTARTS) -> None:
        """Remember what to run; `start` runs it.

        Args:
            title: the name that messages use.
            command: program and arguments.
            env: the whole environment.
            restarts: how often it is started again, with pauses of 2, 4, 8 ... seconds.
        """
        self._title, self._command, self._env, self._restarts = title, command, env, restarts
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.state = f"{title} is starting"
        self.life = 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process and a task that watches it."""
        self._watcher = asyncio.create_task(self._watch(await self._spawn()))

    async def _spawn(self) -> asyncio.subprocess.Process:
        self.life += 1
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a group of its own: its workers can be ended together
            preexec_fn=_die_with_parent,
        )
        return self._process

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        faults = 0
        while True:
            began = time.monotonic()
            code = await process.wait()
            _end_group(process.pid)  # workers that outlived it
            faults = 1 if time.monotonic() - began > STABLE_SECONDS else faults + 1
            ended = f"{self._title} ended with code {code}"
            if faults > self._restarts:
                self.state = f"{ended} and was restarted {self._restarts} times; see its messages above"
                print(self.state, file=sys.stderr, flush=True)
                return
            pause = 2.0**faults
            self.state = f"{ended}; restart {faults} of {self._restarts}"
            print(f"{self.state} in {pause:.0f} s", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
            process = await self._spawn()

    def kill(self) -> None:
        """End the process and its workers now; the watcher then starts it again."""
        if self.alive and self._process:
            _end_group(self._process.pid)

    async def stop(self) -> None:
        """End it politely, then surely, and its workers."""
        if self._watcher:
            self._watcher.cancel()
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), timeout=GRACE_SECONDS)
            except TimeoutError:
                pass
        _end_group(process.pid)
        await process.wait()


def _end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _die_with_parent() -> None:
    """Linux: the child gets SIGTERM when we are killed, so no server is left behind."""
    if sys.platform == "linux":
        import ctypes

        libc: Any = ctypes.CDLL(None)
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
