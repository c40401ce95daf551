"""vLLM as a child process: its command line, its environment, and the engine that owns it."""

import asyncio
import json
import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from skin_r1.errors import problem
from skin_r1.serve.engines.child import RESTARTS, Child
from skin_r1.serve.engines.remote import PATIENCE, UrlEngine
from skin_r1.serve.engines.weights import weights

MAX_IMAGES = 4
MAX_PIXELS = 2048 * 2048  # of one picture; the gateway has scaled it to 2048 a side
CHECK_SECONDS = 5.0
HUNG_SECONDS = 120.0  # no answer to any probe for so long: it is ended and started again
_SHIM = Path(__file__).resolve().parent / "vllm_path"


def arguments(
    model: str,
    adapter: str | Mapping[str, str] | None,
    *,
    name: str,
    port: int,
    cpu: bool,
    max_model_len: int,
    extra: str = "",
) -> list[str]:
    """The command line of vLLM, without the interpreter.

    Args:
        model: checkpoint folder or hub id; may be a LoRA folder.
        adapter: LoRA folder, or several by name.
        name: the id to serve under (see `weights.weights`).
        port: on the loopback interface.
        cpu: no compilation, float32: what was measured to agree with transformers to 5e-6 in log-probability.
        max_model_len: prompt and answer together, in tokens.
        extra: more flags, as a shell would read them.
    """
    what = weights(name, model, adapter)
    command = ["-m", "vllm.entrypoints.openai.api_server", "--model", what.model, "--served-model-name", what.base]
    command += ["--host", "127.0.0.1", "--port", str(port), "--max-model-len", str(max_model_len)]
    command += ["--limit-mm-per-prompt", json.dumps({"image": MAX_IMAGES, "video": 0})]
    command += ["--disable-uvicorn-access-log", "--no-enable-log-requests"]
    if cpu:
        command += ["--dtype", "float32", "--enforce-eager"]
    if what.adapters:
        configs = [Path(folder) / "adapter_config.json" for folder in what.adapters.values()]
        rank = max(json.loads(config.read_text())["r"] for config in configs)
        allowed = next(size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank)
        command += ["--enable-lora", "--max-lora-rank", str(allowed), "--max-loras", str(len(configs))]
        command += ["--lora-modules", *(f"{key}={folder}" for key, folder in what.adapters.items())]
    return command + shlex.split(extra)


def settings(api_key: str, cpu: bool) -> dict[str, str]:
    """The variables that we set for vLLM: no requests home, no redirects, no developer's routes, small limits."""
    env = {"VLLM_API_KEY": api_key, "VLLM_NO_USAGE_STATS": "1", "VLLM_MAX_N_SEQUENCES": "1"}
    env |= {"VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0", "VLLM_MAX_IMAGE_PIXELS": str(MAX_PIXELS)}
    env |= {"VLLM_SERVER_DEV_MODE": "0", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0"}
    if cpu:
        env["VLLM_CPU_KVCACHE_SPACE"] = os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        env["TORCH_COMPILE_DISABLE"] = "1"
        # vLLM spawns processes of its own; through this folder each of them learns of skin_r1.compat
        paths = [str(_SHIM), str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")]
        env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return env


def environment(api_key: str, cpu: bool) -> dict[str, str]:
    """The child's whole environment: ours, without the gateway's keys, and `settings`."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("SKIN_R1_")}
    return ours | settings(api_key, cpu)


def shown(command: Sequence[str], env: Mapping[str, str]) -> str:
    """The command as a shell would read it, variables first; keys are replaced by `...`."""
    secret = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    pairs = [
        f"{key}={'...' if any(word in key for word in secret) else shlex.quote(value)}" for key, value in env.items()
    ]
    return " ".join(["env", *pairs, shlex.join([sys.executable, *command])])


def check_installed() -> None:
    """Say how to get vLLM.

    Raises:
        UserError: it is not installed.
    """
    if find_spec("vllm") is None:
        raise problem("vLLM is not installed", next_step="make vllm   (or serve with --engine transformers)")


class VllmEngine(UrlEngine):
    """A `UrlEngine` that owns its server.

    Attributes:
        command: what it runs, to be shown (see `shown`).
    """

    def __init__(
        self,
        name: str,
        model: str,
        adapter: str | Mapping[str, str] | None,
        max_model_len: int,
        extra: str = "",
        *,
        patience: float = PATIENCE,
        restarts: int = RESTARTS,
    ) -> None:
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
        super().__init__(weights(name, model, adapter).names, f"http://127.0.0.1:{port}/v1", key, patience)
        command = arguments(model, adapter, name=name, port=port, cpu=cpu, max_model_len=max_model_len, extra=extra)
        self.command = shown(command, settings(key, cpu))
        self._child = Child("vLLM", [sys.executable, *command], environment(key, cpu), restarts)
        self._keeper: asyncio.Task[None] | None = None
        self._asked_of = 0

    async def start(self) -> None:
        """Start the child, and a task that ends it where it lives but hangs."""
        await super().start()
        await self._child.start()
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        well: float | None = None  # when it last was, in the present life; None until it has come up
        life = self._child.life
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if life != self._child.life:
                life, well = self._child.life, None
            if await self.ready() is None:
                well = time.monotonic()
            elif well is not None and time.monotonic() - well > HUNG_SECONDS:
                print(f"vLLM has not answered for {HUNG_SECONDS:.0f} s: it is ended", file=sys.stderr, flush=True)
                self._child.kill()
                well = None

    async def ready(self) -> str | None:
        """None once vLLM has answered a first request; else the state of its process."""
        if not self._child.alive:
            return self._child.state
        if self._asked_of != self._child.life:  # another process: it has answered nothing yet
            self._asked_of, self._answered = self._child.life, False
        was_well = self._answered
        reason = await super().ready()
        if reason is None:
            return None
        if not self._child.alive:
            return self._child.state
        return reason if was_well else f"vLLM is starting ({reason})"

    async def stop(self) -> None:
        """End the child politely, then surely."""
        if self._keeper:
            self._keeper.cancel()
        await self._child.stop()
        await super().stop()
