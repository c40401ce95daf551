"""What the tests of faults share: a server that need not get ready, clients that note what they got, a clock to turn."""

import base64
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
from serving import free_port, skin_picture

from skin_r1.serve.audit.verify import segments

# Before libc's: adds the seconds in a file to the wall clock, and leaves the monotonic clock alone.
CLOCK = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile long *ahead;
__attribute__((constructor)) static void begin(void) {
  ahead = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, open(getenv("TEST_CLOCK"), O_RDONLY), 0);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (!failed && clock == CLOCK_REALTIME && ahead) now->tv_sec += *ahead;
  return failed;
}
"""


class Clock:
    """The wall clock of a process that is started with `env`."""

    def __init__(self, folder):
        library, self._file = folder / "clock.so", folder / "clock"
        self._file.write_bytes(bytes(8))
        command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
        subprocess.run(command, input=CLOCK, text=True, check=True)
        self.env = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(self._file)}

    def turn(self, seconds):
        """Let it stand so far ahead of the real time, or behind it."""
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
            shared[:] = struct.pack("l", seconds)


def serve(folder, *arguments, env=None, port=None):
    """`skin-r1 serve` as a user starts it -> (client, process); it may still be starting, or end at once."""
    port = port or free_port()
    command = [sys.executable, "-m", "skin_r1.cli", "serve", "--port", str(port), *map(str, arguments)]
    with (folder / "serve.log").open("a") as output:
        environment = {**os.environ, "SKIN_R1_API_KEYS": "", **(env or {})}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False), process


@contextmanager
def serving(folder, *arguments, patience=180, **options):
    """The same, from the moment when it is ready to its end; yields (client, process)."""
    client, process = serve(folder, *arguments, **options)
    try:
        until(lambda: ready(client, process)[0] == 200, patience, lambda: (folder / "serve.log").read_text()[-3000:])
        yield client, process
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=90)


def ready(client, process=None):
    """Status and reason of /readyz; (None, None) while nobody listens."""
    assert process is None or process.poll() is None, "the server has ended"
    try:
        answer = client.get("/readyz")
    except httpx.TransportError:
        return None, None
    return answer.status_code, answer.json().get("reason")


def until(true, seconds=30, told=lambda: ""):
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not in {seconds} s: {told()}"
        time.sleep(0.2)


def family(pid):
    """Process ids of all that `pid` started, and what they started."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True).stdout
    rows = [line.split() for line in table.splitlines()]
    found = {pid}
    for _ in range(5):
        found |= {int(row[0]) for row in rows if int(row[1]) in found and row[2][0] != "Z"}
    return found - {pid}


def alive(pids):
    """Those that still run."""
    table = subprocess.run(["ps", "-eo", "pid=,stat="], capture_output=True, text=True).stdout
    running = {int(line.split()[0]) for line in table.splitlines() if line.split()[1][0] != "Z"}
    return set(pids) & running


def tell(pids, number):
    """Send a signal to those that still run."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def slowly(pids):
    """vLLM's workers among these processes rest 0.3 s after every 0.05 s: any machine is long in mid-answer."""
    table = subprocess.run(["ps", "-o", "pid=,args=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
    workers = [int(line.split()[0]) for line in table.stdout.splitlines() if "VLLM::Worker" in line]
    assert workers, table.stdout
    over = threading.Event()

    def brake():
        while not over.wait(0.05):
            tell(workers, signal.SIGSTOP)
            over.wait(0.3)
            tell(workers, signal.SIGCONT)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(brake)
        try:
            yield
        finally:
            over.set()


def lines(folder):
    """The records of an audit log; half a line is none."""
    return [json.loads(line) for path in segments(folder) for line in path.read_text().split("\n")[:-1]]


def question(model="tiny-model", picture=False, **fields):
    """A chat request; the answer differs with the seed."""
    url = "data:image/jpeg;base64," + base64.b64encode(skin_picture()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}] * picture + [{"type": "text", "text": "What is this?"}]
    message = {"role": "user", "content": parts}
    return {"model": model, "messages": [message], "temperature": 1.0, "max_tokens": 120, **fields}


@dataclass
class Heard:
    """What a client got: a status, then a whole JSON answer or the events of a stream."""

    status: int
    events: list = field(default_factory=list)
    done: bool = False
    code: str | None = None

    @property
    def answered(self):
        """Whether it has all of an answer."""
        return self.status == 200 and self.done and self.code is None


def ask(client, headers=None, began=lambda: None, diagnose=False, **fields):
    """One chat, or a diagnosis as a stream; `began` is called at each event.

    Raises:
        httpx.TransportError: the connection was refused, or broke in the middle of an answer.
    """
    route, content = "/v1/chat/completions", {"json": question(**fields)}
    if diagnose:
        route, content = "/v1/diagnose", {"files": {"image": skin_picture()}, "data": {"stream": "true"}}
    with client.stream("POST", route, headers=headers, **content) as answer:
        heard = Heard(answer.status_code)
        if not answer.headers["content-type"].startswith("text/event-stream"):
            content = json.loads(answer.read())
            heard.events, heard.done = [content], "choices" in content
            heard.code = content.get("error", {}).get("code")
            return heard
        for line in answer.iter_lines():
            if line == "data: [DONE]":
                heard.done = True
            elif line:
                heard.events.append(json.loads(line.removeprefix("data: ")))
                began()
                heard.code = heard.code or heard.events[-1].get("error", {}).get("code")
    return heard


@contextmanager
def crowd(base_url, count, **fields):
    """So many clients at once, each with a request, every second one a diagnosis; yields their futures."""
    with ThreadPoolExecutor(count) as pool:

        def one(seed):
            with httpx.Client(base_url=base_url, timeout=120, trust_env=False) as client:
                return ask(client, seed=seed, diagnose=seed % 2 == 1, **fields)

        yield [pool.submit(one, seed) for seed in range(count)]
