"""How many tokens a row takes, image tokens included, without running a processor over every image."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any

from datasets import Dataset, List
from datasets import Image as ImageFeature
from PIL import Image
from tqdm import tqdm

from skin_r1.errors import UserError
from skin_r1.models import with_image_parts


class RowLength:
    """Tokens of a row as the trainer will see it.

    The text is tokenized for every row; what an image adds depends on its size alone and is measured once a size. A test
    holds it to the processor's own count.
    """

    def __init__(self, processor: Any) -> None:
        """Take the processor of the model."""
        self.processor = processor
        self._added = lru_cache(maxsize=None)(self._measured)

    def __call__(self, row: Mapping[str, Any]) -> int:
        """Tokens of `prompt` and, where there is one, `completion`; images decoded, or as `{"bytes": ...}`."""
        sizes = [_size(image) for image in row["images"]]
        messages = with_image_parts(row["prompt"], len(sizes)) + with_image_parts(row.get("completion", []), 0)
        text = self._rendered(messages, complete=bool(row.get("completion")))
        return len(self.processor.tokenizer(text)["input_ids"]) + sum(map(self._added, sizes))

    def _measured(self, size: tuple[int, int]) -> int:
        """Tokens that an image of this (width, height) adds to its one placeholder."""
        text = self._rendered(with_image_parts([{"role": "user", "content": "x"}], 1), complete=False)
        plain = len(self.processor.tokenizer(text)["input_ids"])
        return len(self.processor(text=[text], images=[[Image.new("RGB", size)]])["input_ids"][0]) - plain

    def _rendered(self, messages: Sequence[Mapping[str, Any]], *, complete: bool) -> str:
        text: str = self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=not complete)
        return text


def drop_overlong(rows: Dataset, processor: Any, limit: int | None, *, key: str) -> Dataset:
    """Leave out (never truncate) rows that take more than `limit` tokens, image tokens included.

    Args:
        rows: with `prompt`, `images` and perhaps `completion`.
        processor: of the model.
        limit: None keeps all.
        key: the recipe's key that sets the limit.

    Raises:
        UserError: no row is left.
    """
    if limit is None:
        return rows
    measure = RowLength(processor)
    columns = [name for name in ("prompt", "completion", "images") if name in rows.column_names]
    light = rows.select_columns(columns).cast_column("images", List(ImageFeature(decode=False)))  # headers only
    lengths = [measure(row) for row in tqdm(light, desc="measuring rows", unit="row", mininterval=2.0)]
    kept = [index for index, length in enumerate(lengths) if length <= limit]
    if not kept:
        raise UserError(
            f"every row takes more than {key}={limit} tokens (the shortest {min(lengths)}); raise it or shrink the images"
        )
    if len(kept) < len(lengths):
        print(
            f"left out {len(lengths) - len(kept)} of {len(lengths)} rows: over {key}={limit} tokens (longest {max(lengths)})",
            flush=True,
        )
        return rows.select(kept)
    return rows


def _size(image: Any) -> tuple[int, int]:
    """(width, height); of encoded bytes only the header is read."""
    if isinstance(image, Mapping):
        with Image.open(BytesIO(image["bytes"])) as opened:
            return opened.size
    size: tuple[int, int] = image.size
    return size
