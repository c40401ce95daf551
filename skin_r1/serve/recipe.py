"""The recipe of `skin-r1 serve`."""

from dataclasses import dataclass, field


@dataclass
class ServeRecipe:
    """Keys of `recipes/*/serve.yaml`."""

    model: str = field(default="runs/demo/grpo", metadata={"help": "checkpoint folder, hub id, or the id at a URL"})
    adapter: list[str] = field(
        default_factory=list, metadata={"help": "LoRA folder, or NAME=FOLDER as often as wanted"}
    )
    engine: list[str] = field(
        default_factory=lambda: ["transformers"],
        metadata={"help": "transformers, vllm, or the http(s) URLs of servers of one model (key: SKIN_R1_ENGINE_KEY)"},
    )
    name: str | None = field(default=None, metadata={"help": "id to serve under (default: the folder's name)"})
    host: str = field(default="127.0.0.1", metadata={"help": "address to bind to"})
    port: int = field(default=8000, metadata={"help": "port to bind to"})
    forwarded_allow_ips: str = field(
        default="", metadata={"help": "addresses of your proxies, comma-separated: their X-Forwarded-For is believed"}
    )
    dry_run: bool = field(default=False, metadata={"help": "print the command of vLLM and end"})
    api_keys_file: str | None = field(default=None, metadata={"help": "file of keys; read anew on SIGHUP"})
    openapi: bool = field(default=False, metadata={"help": "print the OpenAPI document and end"})
    new_key: str | None = field(default=None, metadata={"help": "print a line of a keys file for this name, and end"})
    audit: str | None = field(
        default="runs/serve/audit", metadata={"help": "folder of the hash-chained log; none to switch it off"}
    )
    audit_days: int | None = field(default=None, metadata={"help": "delete segments of the log older than this"})
    store_content: bool = field(
        default=False, metadata={"help": "keep questions and answers (no pictures) in the log"}
    )
    samples: int = field(
        default=5, metadata={"help": "answers asked for a case, 1 to 16; their agreement is the confidence"}
    )
    sample_temperature: float = field(default=0.7, metadata={"help": "temperature of the sampled answers"})
    agreement_threshold: float = field(
        default=0.5, metadata={"help": "least share that must agree, else the server abstains"}
    )
    calibration: str | None = field(default=None, metadata={"help": "file of `skin-r1 eval score --validation`"})
    max_new_tokens: int = field(default=1024, metadata={"help": "longest answer"})
    max_waiting: int = field(default=64, metadata={"help": "requests at work or waiting before 429"})
    max_image_mib: int = field(default=10, metadata={"help": "largest picture file, MiB"})
    max_request_mib: int = field(default=24, metadata={"help": "largest request, MiB"})
    max_held_mib: int = field(default=1024, metadata={"help": "bodies and pictures of all requests at work, MiB"})
    max_megapixels: int = field(default=40, metadata={"help": "largest picture, million pixels"})
    decoders: int = field(default=2, metadata={"help": "processes that decode pictures"})
    drain_seconds: int = field(default=60, metadata={"help": "how long requests at work may go on after SIGTERM"})
    max_model_len: int = field(default=4096, metadata={"help": "vLLM: prompt and answer together, in tokens"})
    engine_patience: int = field(default=300, metadata={"help": "vLLM, URL: seconds without a byte until 504"})
    vllm_args: str = field(default="", metadata={"help": "vLLM: more flags, in quotes"})
