"""`skin-r1 serve`: one process that answers chat requests and pictures, with a page to try it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from skin_r1.errors import UserError, problem

if TYPE_CHECKING:
    from skin_r1.serve.engines.engine import Engine

ABOUT = """Serve a model: POST /v1/chat/completions, POST /v1/diagnose, GET /v1/models, /healthz, /readyz, and a page at /.
Keys come from SKIN_R1_API_KEYS (comma-separated) or --api_keys_file; without a key it binds to this machine only.
Research use only: not a medical device.

Example: skin-r1 serve --model runs/demo/grpo
Example: skin-r1 serve --model runs/demo/grpo --engine vllm --port 8000
Example: skin-r1 serve --model my-model --engine http://127.0.0.1:9000/v1   (its key: SKIN_R1_ENGINE_KEY)"""


@dataclass
class ServeRecipe:
    """Keys of `recipes/*/serve.yaml`."""

    model: str = field(default="runs/demo/grpo", metadata={"help": "checkpoint folder, hub id, or the id at a URL"})
    adapter: str | None = field(default=None, metadata={"help": "LoRA folder, loaded beside the model"})
    engine: str = field(
        default="transformers", metadata={"help": "transformers, vllm, or the http(s) URL of a server"}
    )
    name: str | None = field(default=None, metadata={"help": "id to serve under (default: the folder's name)"})
    host: str = field(default="127.0.0.1", metadata={"help": "address to bind to"})
    port: int = field(default=8000, metadata={"help": "port to bind to"})
    api_keys_file: str | None = field(default=None, metadata={"help": "file of SHA-256 hashes of keys, one a line"})
    audit: str | None = field(
        default="runs/serve/audit.jsonl", metadata={"help": "hash-chained log without content; none to switch it off"}
    )
    max_new_tokens: int = field(default=1024, metadata={"help": "longest answer"})
    max_waiting: int = field(default=16, metadata={"help": "requests at work or waiting before 429"})
    max_image_mib: int = field(default=10, metadata={"help": "largest picture file, MiB"})
    max_megapixels: int = field(default=40, metadata={"help": "largest picture, million pixels"})
    max_model_len: int = field(default=4096, metadata={"help": "vLLM: prompt and answer together, in tokens"})
    vllm_args: str = field(default="", metadata={"help": "vLLM: more flags, in quotes"})


def make_engine(recipe: ServeRecipe) -> "Engine":
    """The engine that the recipe names.

    Raises:
        UserError: no such engine or model, or vLLM is not installed.
    """
    from skin_r1.serve.engines.engine import TransformersEngine, served_name
    from skin_r1.serve.engines.remote import UrlEngine
    from skin_r1.serve.engines.vllm import VllmEngine

    name = recipe.name or served_name(recipe.model, recipe.adapter)
    if recipe.engine.startswith(("http://", "https://")):
        return UrlEngine(recipe.name or recipe.model, recipe.engine, os.environ.get("SKIN_R1_ENGINE_KEY"))
    if recipe.engine not in ("transformers", "vllm"):
        allowed = ("transformers", "vllm", "http://HOST:PORT/v1")
        raise problem("no such engine", column="engine", found=recipe.engine, allowed=allowed)
    for folder in filter(None, (recipe.model, recipe.adapter)):
        _check_checkpoint(Path(folder))
    if recipe.engine == "vllm":
        return VllmEngine(name, recipe.model, recipe.adapter, recipe.max_model_len, recipe.vllm_args)
    return TransformersEngine(name, recipe.model, recipe.adapter)


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


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns 0."""
    from skin_r1.recipe import read_recipe

    (recipe,) = read_recipe((ServeRecipe,), argv, prog="skin-r1 serve", about=ABOUT)
    try:
        import uvicorn

        from skin_r1.serve.app import Settings, create_app
        from skin_r1.serve.guard.access import load_keys
    except ImportError as error:
        raise UserError(f'serving needs more packages ({error.name}): pip install -e ".[serve]"') from error
    from skin_r1.serve.intake.picture import ImageLimits

    settings = Settings(
        keys=load_keys(recipe.host, recipe.api_keys_file),
        audit=Path(recipe.audit) if recipe.audit and recipe.audit != "none" else None,
        max_new_tokens=recipe.max_new_tokens,
        max_waiting=recipe.max_waiting,
        limits=ImageLimits(max_bytes=recipe.max_image_mib * 2**20, max_pixels=recipe.max_megapixels * 10**6),
    )
    app = create_app(make_engine(recipe), settings)
    shown = f"[{recipe.host}]" if ":" in recipe.host else recipe.host
    print(f"Serving {recipe.model} with {recipe.engine} on http://{shown}:{recipe.port}/  (ready when /readyz is 200)")
    print("Research use only: not a medical device.", flush=True)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=recipe.host, port=recipe.port, log_level="warning", server_header=False, proxy_headers=False
        )
    )
    server.run()
    if not server.started:  # uvicorn has said why, for example that the port is taken
        raise problem("the server could not start", column="port", found=recipe.port, next_step="give another --port")
    return 0


if __name__ == "__main__":
    from skin_r1.cli import run_main

    raise SystemExit(run_main(main))
