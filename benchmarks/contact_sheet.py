"""Draw docs/img/phantom_contact_sheet.png: each finding alone, then each diagnosis on the six skin types."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from skin_r1.concepts import concept_name
from skin_r1.ontology import load_ontology
from skin_r1.phantom.findings import DIAGNOSES, FINDINGS, draw_findings
from skin_r1.phantom.render import SKIN, draw


def sheet(size: int, seen_at: int | None = None) -> Image.Image:
    """The contact sheet; `seen_at` shrinks and enlarges each picture, as the embedded model sees it."""

    def picture(findings: frozenset[str], skin_type: int, seed: list[int]) -> Image.Image:
        image = draw(findings, skin_type, np.random.default_rng(seed), size).image
        return image.resize((seen_at, seen_at), Image.Resampling.BICUBIC).resize((size, size)) if seen_at else image

    columns, label, edge = 6, 20, 170
    rows = -(-len(FINDINGS) // columns) + len(DIAGNOSES)
    canvas = Image.new("RGB", (edge + columns * (size + 8), rows * (size + label + 8)), "white")
    pen = ImageDraw.Draw(canvas)

    def put(row: int, column: int, image: Image.Image, text: str) -> None:
        x, y = edge + column * (size + 8), row * (size + label + 8)
        canvas.paste(image, (x, y + label))
        pen.text((x, y + 4), text, fill="black", font_size=12)

    for index, finding in enumerate(FINDINGS):
        row, column = divmod(index, columns)
        name = concept_name(finding).replace("pigment ", "").replace("dots and ", "").replace("hyperp", "p")
        put(row, column, picture(frozenset({finding}), 2 + index % 3, [0, index]), name)
    first = -(-len(FINDINGS) // columns)
    for offset, diagnosis in enumerate(DIAGNOSES):
        y = (first + offset) * (size + label + 8) + size // 2
        pen.text((4, y), load_ontology().name(diagnosis), fill="black", font_size=13)
        for column, skin_type in enumerate(SKIN):
            findings = draw_findings(diagnosis, np.random.default_rng([7, offset, skin_type]))
            lesion = picture(findings, skin_type, [8, offset, skin_type])
            put(first + offset, column, lesion, f"skin type {skin_type}")
    return canvas


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/img/phantom_contact_sheet.png"))
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--seen_at", type=int, help="pixels that the model sees, for example 56")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(options.size, options.seen_at).quantize(128).save(options.out, optimize=True)
