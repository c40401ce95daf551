"""The keys of `recipes/*/distill*.yaml`."""

import os
from dataclasses import dataclass, field

from skin_r1.distill.composer.trajectory import KINDS
from skin_r1.errors import problem

TEACHERS = ("compose", "answer_only", "openai", "vllm")
LENGTHS = ("short", "full")
ORDERS = ("canonical", "shuffled")
CHOICES = {"teacher": TEACHERS, "length": LENGTHS, "order": ORDERS}
COUNTED_FROM_1 = ("concurrency", "limit", "max_tokens", "samples", "copies", "per_diagnosis", "per_kind")


@dataclass
class DistillRecipe:
    """Keys of `recipes/*/distill.yaml`; the command line overrides each."""

    corpus: str = field(default="", metadata={"help": "folder of cases"})
    output_dir: str = field(default="", metadata={"help": "where the rationales go"})
    teacher: str = field(default="compose", metadata={"help": f"one of {', '.join(TEACHERS)}"})
    length: str = field(default="short", metadata={"help": "short: one wording, for tiny models; full (compose)"})
    order: str = field(default="canonical", metadata={"help": "canonical or shuffled findings (compose, short)"})
    seed: int = field(default=0, metadata={"help": "fixes the wording"})
    limit: int | None = field(default=None, metadata={"help": "at most this many cases of each split"})
    annotation: str = field(default="", metadata={"help": "dense, sparse or all cases (answer_only)"})
    held_out_texts: list[str] = field(
        default_factory=list, metadata={"help": "files of test texts, one a line, that no rationale may repeat"}
    )
    rules: list[str] = field(
        default_factory=list, metadata={"help": "more rules.tsv files, of `skin-r1 distill rules` (compose, full)"}
    )
    kinds: list[str] = field(
        default_factory=lambda: list(KINDS), metadata={"help": f"trajectories (compose, full): {', '.join(KINDS)}"}
    )
    copies: int = field(default=1, metadata={"help": "trajectories of one case, each of another kind (compose, full)"})
    per_diagnosis: int | None = field(
        default=None, metadata={"help": "at most so many of one diagnosis (compose, full)"}
    )
    per_kind: int | None = field(default=None, metadata={"help": "at most so many of one kind (compose, full)"})
    model: str = field(default="", metadata={"help": "the endpoint's model (openai), or a folder (vllm)"})
    base_url: str = field(default="", metadata={"help": "the endpoint (openai); the key comes from OPENAI_API_KEY"})
    concurrency: int = field(default=8, metadata={"help": "requests at once (openai, vllm)"})
    temperature: float = field(default=0.7, metadata={"help": "of the teacher (openai, vllm)"})
    max_tokens: int = field(default=1024, metadata={"help": "longest answer (openai, vllm)"})
    samples: int = field(default=1, metadata={"help": "blind tries of a case before the hinted one (openai, vllm)"})
    timeout: float = field(default=300.0, metadata={"help": "seconds for one attempt (openai)"})
    max_model_len: int = field(default=8192, metadata={"help": "prompt and answer in tokens (vllm)"})
    price_prompt: float = field(default=0.0, metadata={"help": "per million prompt tokens, for the ledger"})
    price_completion: float = field(default=0.0, metadata={"help": "per million completion tokens, for the ledger"})
    overwrite: bool = field(default=False, metadata={"help": "replace the folder"})

    def __post_init__(self) -> None:
        """Check the choices.

        Raises:
            UserError: a value that the recipe cannot have.
        """
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise problem("unknown choice in a recipe", column=name, found=getattr(self, name), allowed=allowed)
        if self.annotation not in ("", "dense", "sparse", "all"):
            raise problem("unknown choice in a recipe", column="annotation", found=self.annotation,
                          allowed=("dense", "sparse", "all"))  # fmt: skip
        if self.annotation not in ("", "dense") and self.teacher != "answer_only":
            raise problem("findings are checked against annotated ones, so only dense cases can be written about",
                          column="annotation", found=self.annotation, allowed="dense, or teacher: answer_only")  # fmt: skip
        if not self.kinds:
            raise problem("no trajectory to write", column="kinds", allowed=KINDS)
        for name in COUNTED_FROM_1:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise problem(f"{name} counts from 1", column=name, found=value, allowed="1 or more")
        for kind in self.kinds:
            if kind not in KINDS:
                raise problem("unknown trajectory", column="kinds", found=kind, allowed=KINDS)
        if self.teacher != "compose" or self.length != "full":
            for name in ("copies", "per_diagnosis", "per_kind", "rules"):
                if getattr(self, name) not in (None, 1, []):
                    raise problem(f"{name} is for trajectories", column=name, found=getattr(self, name),
                                  next_step="set teacher: compose and length: full, or leave it out")  # fmt: skip
        if self.teacher in ("openai", "vllm") and not self.model:
            raise problem(
                f"the {self.teacher} teacher needs a model", column="model", next_step="set model: and base_url:"
            )
        if self.teacher == "openai" and not (self.base_url or os.environ.get("OPENAI_BASE_URL")):
            raise problem("the openai teacher needs an address: no image is sent to a default one", column="base_url",
                          next_step="set base_url:, or export OPENAI_BASE_URL")  # fmt: skip
