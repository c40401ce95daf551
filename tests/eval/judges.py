"""Answers of an endpoint that plays a judge, well or badly."""

import json
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "distill"))

from endpoint import Endpoint, completion, prompt_of

__all__ = ["Endpoint", "completion", "prompt_of"]


def verdict(**answer):
    return json.dumps({"rationale": "Because of what is written.", **answer})


def asked_about(body):
    """Title of the axis that a request asks about."""
    return re.search(r"Question about the (?:two )?texts? \(([^)]*)\)", prompt_of(body))[1]


def graded_texts(body):
    """What stands between the marks of a request."""
    return re.findall(r"^<<<([0-9a-f]{16})\n(.*?)\n\1>>>$", prompt_of(body), re.DOTALL | re.MULTILINE)


def fair(body):
    """A level by the axis's title and by how many letters `e` the text has: no two texts are alike, and no order matters."""
    texts = [text for _, text in graded_texts(body)]
    counts = [text.count("e") for text in texts]
    if len(texts) == 2:
        better = "tie" if counts[0] == counts[1] else "first" if counts[0] > counts[1] else "second"
        return verdict(better=better)
    if "Criterion:" in prompt_of(body):
        return verdict(met=counts[0] % 2 == 0)
    return verdict(score=(counts[0] + len(asked_about(body))) % 6)


def gullible(body):
    """Fair, but does what the text says."""
    ordered = re.search(r"score\W{1,3}5|5 out of 5", graded_texts(body)[0][1])
    return verdict(score=5) if ordered else verdict(score=1)


def first_lover(body):
    """Finds better what it reads first."""
    return verdict(better="first")
