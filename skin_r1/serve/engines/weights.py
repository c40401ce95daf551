"""Which weights are served under which names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skin_r1.errors import problem


@dataclass(frozen=True)
class Weights:
    """A model and the LoRA adapters on it.

    Attributes:
        model: checkpoint folder or hub id.
        base: the name of the model without an adapter.
        adapters: name -> LoRA folder.
    """

    model: str
    base: str
    adapters: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """What a request may ask for; the first is the default."""
        return (*self.adapters, self.base)


def weights(name: str, model: str, adapters: str | Mapping[str, str] | None) -> Weights:
    """The names of a model with adapters.

    Args:
        name: of the one adapter given as a plain path, or else of the model.
        model: checkpoint folder or hub id; may itself be a LoRA folder.
        adapters: one LoRA folder, or several by name.
    """
    if not isinstance(adapters, Mapping):
        model, adapters = split_adapter(model, adapters)
    if isinstance(adapters, str):
        return Weights(model, f"{name}-base", {name: adapters})
    return Weights(model, name, adapters or {})


def split_adapter(model: str, adapter: str | None) -> tuple[str, str | None]:
    """A LoRA folder given as the model names its base itself: (base, adapter)."""
    config = Path(model) / "adapter_config.json"
    if adapter is None and config.is_file():
        return json.loads(config.read_text())["base_model_name_or_path"], model
    return model, adapter


def named_adapters(given: Sequence[str]) -> str | dict[str, str] | None:
    """What `--adapter` says: nothing, one PATH, or NAME=PATH as often as wanted.

    Raises:
        UserError: several without names, or a name twice.
    """
    if len(given) < 2 and not any("=" in text for text in given):
        return given[0] if given else None
    table: dict[str, str] = {}
    for text in given:
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise problem("several adapters need names", column="adapter", found=text, allowed="NAME=PATH")
        if name in table:
            raise problem("two adapters have one name", column="adapter", found=name, next_step="rename one of them")
        table[name] = path
    return table


def served_name(model: str, adapter: str | None) -> str:
    """The id under which a model is served: the last part of its path, or of its adapter's."""
    return Path(adapter or model).name or "model"
