"""`skin-r1 serve`: one process that answers chat requests and pictures, with a page to try it."""

import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skin_r1.errors import UserError, problem
from skin_r1.serve.recipe import ServeRecipe

if TYPE_CHECKING:
    from fastapi import FastAPI

    from skin_r1.serve.engines.engine import Engine
    from skin_r1.serve.guard.keys import Keys

ABOUT = """Serve a model: POST /v1/chat/completions, /v1/diagnose; GET /v1/models, /healthz, /readyz, /metrics; a page at /.
Keys come from SKIN_R1_API_KEYS (comma-separated) or --api_keys_file; without a key it binds to this machine only.
Research use only: not a medical device.

Example: skin-r1 serve --model runs/demo/grpo
Example: skin-r1 serve --model runs/demo/grpo --engine vllm --port 8000
Example: skin-r1 serve --config recipes/qwen2_5_vl_7b/serve.yaml --dry-run      (prints the vLLM command)
Example: skin-r1 serve --model my-model --engine http://127.0.0.1:9000/v1 http://127.0.0.1:9001/v1
Example: skin-r1 serve --new_key ward-3 >> keys.txt      (the key itself is shown once, on the terminal)"""


def make_engine(recipe: ServeRecipe) -> "Engine":
    """The engine that the recipe names.

    Raises:
        UserError: no such engine or model, or vLLM is not installed.
    """
    from skin_r1.serve.engines.local import TransformersEngine
    from skin_r1.serve.engines.remote import UrlEngine
    from skin_r1.serve.engines.replicas import ReplicaEngine
    from skin_r1.serve.engines.vllm import VllmEngine
    from skin_r1.serve.engines.weights import named_adapters, served_name

    kinds = _listed(recipe.engine)
    if all(kind.startswith(("http://", "https://")) for kind in kinds):
        key = os.environ.get("SKIN_R1_ENGINE_KEY")
        servers = [UrlEngine(recipe.name or recipe.model, url, key, recipe.engine_patience) for url in kinds]
        if len(servers) > 1:
            return ReplicaEngine(servers)
        return servers[0]
    if len(kinds) != 1 or kinds[0] not in ("transformers", "vllm"):
        allowed = ("transformers", "vllm", "http://HOST:PORT/v1 [http://HOST:PORT/v1 ...]")
        raise problem("no such engine", column="engine", found=" ".join(kinds), allowed=allowed)
    adapters = named_adapters(_listed(recipe.adapter))
    folders = adapters.values() if isinstance(adapters, dict) else filter(None, [adapters])
    for folder in (recipe.model, *folders):
        _check_checkpoint(Path(folder))
    name = recipe.name or served_name(recipe.model, adapters if isinstance(adapters, str) else None)
    if kinds[0] == "vllm":
        length, patience = recipe.max_model_len, recipe.engine_patience
        return VllmEngine(name, recipe.model, adapters, length, recipe.vllm_args, patience=patience)
    return TransformersEngine(name, recipe.model, adapters)


def _listed(given: str | list[str]) -> list[str]:
    """A recipe may give one value without the brackets of a list."""
    return [given] if isinstance(given, str) else list(given)


def _check_checkpoint(folder: Path) -> None:
    """Refuse at once what would fail only after a minute of loading; a hub id (`org/name`) passes."""
    is_hub_id = not folder.exists() and len(folder.parts) == 2 and not folder.parent.exists()
    if is_hub_id or (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
        return
    raise problem(
        "there is no checkpoint in this folder",
        file=folder,
        allowed="a folder with config.json and *.safetensors, or adapter_config.json",
        next_step="skin-r1 demo   makes runs/demo/grpo",
    )


def make_app(recipe: ServeRecipe, keys: "Keys") -> "FastAPI":
    """The application that the recipe describes.

    Raises:
        UserError: a value is wrong, a file is missing, or another process writes the audit log.
    """
    from skin_r1.serve.answer.confidence import read_calibration
    from skin_r1.serve.answer.settings import AnswerSettings
    from skin_r1.serve.app import create_app
    from skin_r1.serve.audit.log import Audit
    from skin_r1.serve.gateway import Settings
    from skin_r1.serve.intake.decoder import Decoder
    from skin_r1.serve.intake.picture import ImageLimits

    engine = make_engine(recipe)
    limits = ImageLimits(max_bytes=recipe.max_image_mib * 2**20, max_pixels=recipe.max_megapixels * 10**6)
    answer = AnswerSettings(
        samples=recipe.samples,
        temperature=recipe.sample_temperature,
        agreement_threshold=recipe.agreement_threshold,
        max_new_tokens=recipe.max_new_tokens,
        calibration=read_calibration(Path(recipe.calibration), engine.name) if recipe.calibration else None,
    )
    sizes = (recipe.max_request_mib * 2**20, recipe.max_held_mib * 2**20)
    settings = Settings(limits, answer, recipe.max_waiting, *sizes)
    decoder = Decoder(limits, recipe.decoders)
    with_audit = recipe.audit and recipe.audit != "none"
    audit = Audit(Path(str(recipe.audit)), recipe.audit_days, recipe.store_content) if with_audit else None
    return create_app(engine, settings, keys, audit, decoder)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns 0."""
    from skin_r1.recipe import read_recipe

    (recipe,) = read_recipe((ServeRecipe,), argv, prog="skin-r1 serve", about=ABOUT)
    try:
        import uvicorn

        from skin_r1.serve.guard.connection import Connection
        from skin_r1.serve.guard.keys import Keys
        from skin_r1.serve.operation.logs import CONFIG
    except ImportError as error:
        raise UserError(f'serving needs more packages ({error.name}): pip install -e ".[serve]"') from error
    if recipe.new_key is not None:
        return _print_key(recipe.new_key)
    if recipe.dry_run:
        return _print_command(recipe)
    if recipe.openapi:
        return _print_openapi(recipe)
    keys = Keys(recipe.host, recipe.api_keys_file)
    _check_address(recipe)
    app = make_app(recipe, keys)
    shown = f"[{recipe.host}]" if ":" in recipe.host else recipe.host
    engine = " ".join(_listed(recipe.engine))
    print(f"Serving {recipe.model} with {engine} on http://{shown}:{recipe.port}/  (ready when /readyz is 200)")
    print("Research use only: not a medical device.", flush=True)
    options: dict[str, Any] = {
        "log_config": CONFIG,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(recipe.forwarded_allow_ips),
        "forwarded_allow_ips": recipe.forwarded_allow_ips,
    }
    options |= {
        "http": Connection,
        "ws": "none",
        "limit_concurrency": 512,
        "timeout_graceful_shutdown": recipe.drain_seconds,
        "backlog": 512,
    }
    # Once all is closed, uvicorn raises the signal that ended it again: to have been stopped is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(uvicorn.Config(app, host=recipe.host, port=recipe.port, **options)).run()
    return 0


def _check_address(recipe: ServeRecipe) -> None:
    """Fail before a model is loaded where the port is taken."""
    family = socket.AF_INET6 if ":" in recipe.host else socket.AF_INET
    try:
        socket.create_server((recipe.host, recipe.port), family=family).close()
    except OSError as error:
        address = f"{recipe.host} {recipe.port}: {error.strerror}"
        next_step = "stop the other server, or give another --port"
        raise problem("the server cannot listen", column="host, port", found=address, next_step=next_step) from error


def _print_key(name: str) -> int:
    """The line for the file goes to stdout, the key to the terminal."""
    import sys

    from skin_r1.serve.guard.keys import new_key

    key, line = new_key(name)
    print(f"the key, shown once: {key}", file=sys.stderr)
    print(line)
    return 0


def _print_openapi(recipe: ServeRecipe) -> int:
    import json

    from skin_r1 import __version__
    from skin_r1.serve.openapi import document

    print(json.dumps(document(__version__, make_engine(recipe).names), indent=1))
    return 0


def _print_command(recipe: ServeRecipe) -> int:
    from skin_r1.serve.engines.vllm import VllmEngine

    engine = make_engine(recipe)
    if not isinstance(engine, VllmEngine):
        raise problem("only vLLM has a command to print", column="engine", found=recipe.engine, allowed="vllm")
    print(engine.command)
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
