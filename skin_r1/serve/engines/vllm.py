"""vLLM as a child process: started, waited for, restarted a few times if it dies, stopped with us."""

import asyncio
import json
import os
import secrets
import shlex
import signal
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skin_r1.errors import problem
from skin_r1.serve.engines.remote import UrlEngine

RESTARTS = 3
STABLE_SECONDS = 600.0  # after so long without a fault the count of restarts begins anew
_SHIM = Path(__file__).resolve().parent / "vllm_path"


def split_adapter(model: str, adapter: str | None) -> tuple[str, str | None]:
    """A LoRA folder given as the model names its base itself: (base, adapter)."""
    config = Path(model) / "adapter_config.json"
    if adapter is None and config.is_file():
        return json.loads(config.read_text())["base_model_name_or_path"], model
    return model, adapter


def arguments(
    model: str, adapter: str | None, *, name: str, port: int, cpu: bool, max_model_len: int, extra: str = ""
) -> list[str]:
    """The command line of vLLM, without the interpreter.

    Args:
        model: checkpoint folder or hub id; may be a LoRA folder.
        adapter: LoRA folder.
        name: the id to serve under.
        port: on the loopback interface.
        cpu: no compilation, float32: what was measured to agree with transformers to 5e-6 in log-probability.
        max_model_len: prompt and answer together, in tokens.
        extra: more flags, as a shell would read them.
    """
    base, adapter = split_adapter(model, adapter)
    command = ["-m", "vllm.entrypoints.openai.api_server", "--model", base, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-model-len", str(max_model_len)]
    command += ["--limit-mm-per-prompt", json.dumps({"image": 4, "video": 0})]
    if cpu:
        command += ["--dtype", "float32", "--enforce-eager"]
    if adapter:
        rank = json.loads((Path(adapter) / "adapter_config.json").read_text())["r"]
        allowed = next(size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank)
        command += ["--served-model-name", f"{name}-base", "--enable-lora", "--max-lora-rank", str(allowed)]
        command += ["--lora-modules", f"{name}={adapter}"]
    else:
        command += ["--served-model-name", name]
    return command + shlex.split(extra)


def environment(api_key: str, cpu: bool) -> dict[str, str]:
    """The child's environment: ours, without the gateway's keys."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("SKIN_R1_")}
    env |= {"VLLM_API_KEY": api_key, "VLLM_NO_USAGE_STATS": "1", "VLLM_MAX_N_SEQUENCES": "1"}
    env |= {"VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0"}
    if cpu:
        env.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        env["TORCH_COMPILE_DISABLE"] = "1"
        # vLLM spawns processes of its own; through this folder each of them learns of skin_r1.compat
        here = [str(_SHIM), str(Path(__file__).resolve().parents[3])]
        env["PYTHONPATH"] = os.pathsep.join([*here, *filter(None, [env.get("PYTHONPATH")])])
    return env


def check_installed() -> None:
    """Say how to get vLLM.

    Raises:
        UserError: it is not installed.
    """
    if find_spec("vllm") is None:
        raise problem("vLLM is not installed", next_step="make vllm   (or serve with --engine transformers)")


class VllmEngine(UrlEngine):
    """A `UrlEngine` that owns its server."""

    def __init__(self, name: str, model: str, adapter: str | None, max_model_len: int, extra: str = "") -> None:
        """Choose a free port and a one-time key; `start` starts the process.

        Raises:
            UserError: vLLM is not installed.
        """
        check_installed()
        import torch

        cpu = torch.version.cuda is None or not torch.cuda.is_available()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        key = secrets.token_urlsafe(24)
        super().__init__(name, f"http://127.0.0.1:{port}/v1", key)
        self._command = arguments(
            model, adapter, name=name, port=port, cpu=cpu, max_model_len=max_model_len, extra=extra
        )
        self._env = environment(key, cpu)
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._state = "vLLM is starting"

    async def start(self) -> None:
        """Start the child and a task that watches it."""
        self._process = await self._spawn()
        self._watcher = asyncio.create_task(self._watch(self._process))

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._answered = False
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *self._command,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a group of its own: its workers can be ended together
            preexec_fn=_die_with_parent,
        )

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        faults = 0
        while True:
            began = time.monotonic()
            code = await process.wait()
            _end_group(process.pid)  # workers that outlived it
            faults = 1 if time.monotonic() - began > STABLE_SECONDS else faults + 1
            if faults > RESTARTS:
                self._state = f"vLLM ended with code {code} and was restarted {RESTARTS} times; see its messages above"
                print(self._state, file=sys.stderr, flush=True)
                return
            pause = 2.0**faults
            self._state = f"vLLM ended with code {code}; restart {faults} of {RESTARTS}"
            print(f"{self._state} in {pause:.0f} s", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
            self._process = process = await self._spawn()

    async def ready(self) -> str | None:
        """None once vLLM has answered a first request; else the state of its process."""
        reason = await super().ready()
        if reason is None:
            return None
        alive = self._process is not None and self._process.returncode is None
        return f"vLLM is starting ({reason})" if alive else self._state

    async def stop(self) -> None:
        """End the child politely, then surely."""
        if self._watcher:
            self._watcher.cancel()
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), timeout=15)
            except TimeoutError:
                pass
        if process is not None:
            _end_group(process.pid)
        await super().stop()


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
