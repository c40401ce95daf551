"""The options of `skin-r1 eval judge`, from the command line or a recipe."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from eval.judge.axes import AXES
from skin_r1.errors import problem

BY_RULE = "reference"  # the model that is none: `eval.judge.reference`
COUNTED_FROM_1 = ("repeats", "concurrency", "max_tokens", "bootstrap", "limit")


@dataclass
class JudgeRecipe:
    """Options of `skin-r1 eval judge`."""

    predictions: str = field(default="", metadata={"help": "JSON lines of `skin-r1 eval run`"})
    corpus: str = field(default="", metadata={"help": "folder that holds the truth"})
    split: str = field(default="test", metadata={"help": "train, validation or test"})
    out: str = field(default="", metadata={"help": "folder to write"})
    model: str = field(default="", metadata={"help": f"the endpoint's model; `{BY_RULE}`: by rule, without any"})
    base_url: str = field(default="", metadata={"help": "the endpoint; the key comes from OPENAI_API_KEY"})
    axes: list[str] = field(default_factory=lambda: list(AXES), metadata={"help": f"some of {', '.join(AXES)}"})
    rubric: str = field(default="", metadata={"help": "JSON lines of yes-or-no criteria, judged instead of axes"})
    against: str = field(
        default="", metadata={"help": "other predictions: which of the two is better, in both orders"}
    )
    repeats: int = field(default=1, metadata={"help": "times that each question is asked, each with another seed"})
    canaries: int = field(default=5, metadata={"help": "cases whose text orders the judge to praise it (axes only)"})
    images: bool = field(default=True, metadata={"help": "show the images; false for judges that cannot see"})
    structured: bool = field(
        default=True, metadata={"help": "send the answer's JSON schema; not all endpoints take it"}
    )
    temperature: float = field(default=0.0, metadata={"help": "of the judge"})
    max_tokens: int = field(default=1024, metadata={"help": "longest verdict"})
    concurrency: int = field(default=8, metadata={"help": "questions at once"})
    timeout: float = field(default=300.0, metadata={"help": "seconds for one attempt"})
    seed: int = field(default=0, metadata={"help": "of the judge and of the intervals"})
    bootstrap: int = field(default=2000, metadata={"help": "resamples"})
    limit: int | None = field(
        default=None, metadata={"help": "judge so many cases of the split, those of eval run --limit"}
    )
    allow_missing: bool = field(default=False, metadata={"help": "a case without a prediction is unscored"})
    overwrite: bool = field(default=False, metadata={"help": "replace an earlier folder"})

    @property
    def cache(self) -> Path:
        """Answers of the endpoint, beside the output: they outlive a killed run."""
        out = Path(self.out).absolute()
        return out.with_name(out.name + ".cache.sqlite")

    def __post_init__(self) -> None:
        """Check what does not need a file.

        Raises:
            UserError: a value that the recipe cannot have.
        """
        for name in ("predictions", "corpus", "out"):
            if not getattr(self, name):
                raise problem(f"--{name} is missing", column=name, next_step="skin-r1 eval judge --help")
        for axis in self.axes:
            if axis not in AXES:
                raise problem("unknown axis", column="axes", found=axis, allowed=AXES)
        if not self.axes or len(set(self.axes)) < len(self.axes):
            raise problem("axes are named once each", column="axes", found=self.axes, allowed=AXES)
        if self.rubric and self.against:
            raise problem(
                "a rubric judges one text, --against compares two", column="rubric", next_step="give one of them"
            )
        for name in COUNTED_FROM_1:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise problem(f"--{name} counts from 1", column=name, found=value, allowed="a positive number")
        if self.canaries < 0 or self.timeout <= 0 or self.temperature < 0:
            raise problem("canaries, timeout and temperature are not negative, and no reply takes no time",
                          found=[self.canaries, self.timeout, self.temperature])  # fmt: skip
        if not self.model:
            raise problem(
                "who is the judge?", column="model", next_step=f"--model NAME --base_url URL, or --model {BY_RULE}"
            )
        if self.model != BY_RULE and not (self.base_url or os.environ.get("OPENAI_BASE_URL")):
            raise problem("the judge needs an address: no image is sent to a default one", column="base_url",
                          next_step="--base_url URL, or export OPENAI_BASE_URL")  # fmt: skip
