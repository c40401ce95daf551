"""What a model can be asked about a case: the prompt of each task, the options it shows, and the cases it suits."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from skin_r1.concepts import concept_name
from skin_r1.differentials import neighbors
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.reading import messages_for

Row = Mapping[str, Any]
WORDS = ("benign", "premalignant", "malignant", "non-neoplastic")
POOL = 3  # look-alikes drawn from, for each wrong option
LETTERS = "ABCDEFGHIJ"
_CASE = "This is a {modality} image of a patient's skin.{history}\n"
_THINK = "First reason inside think tags about what you see and what it suggests. Then "


@dataclass(frozen=True)
class Task:
    """A kind of question.

    Attributes:
        about: what the answer holds, for the reader of `--help`.
        suits: whether a case can be asked; the truth to score the answer by must be known.
        shows: the options of a case, in the order of the prompt; empty where the answer is free.
        prompt: the question; `{options}` stands for the options, a line each.
    """

    about: str
    suits: Callable[[Row], bool]
    shows: Callable[[Row, random.Random, int, int], Sequence[str]]
    prompt: str


def applies(task: str, row: Row) -> bool:
    """Whether the task asks this Case row (its images are not needed); other rows have no line in a predictions file."""
    return TASKS[task].suits(row)


def options_for(task: str, row: Row, *, place: int, choices: int = 4, seed: int = 0) -> tuple[str, ...]:
    """The options of a case: slugs of diagnoses (choice), families (hierarchy) or concepts, or words (malignancy).

    Args:
        task: a key of `TASKS`.
        row: a Case row that the task suits.
        place: of the row among the rows that are asked; among each `choices` rows in a row the right answer stands once
            at every letter.
        choices: options of a multiple choice, 2 to 10.
        seed: with the case's id it fixes the draw.
    """
    rng = random.Random(f"{seed}/{row['case_id']}")
    cycle = random.Random(f"{seed}/{place // choices}").sample(range(choices), choices)
    return tuple(TASKS[task].shows(row, rng, choices, cycle[place % choices]))


def messages(task: str, row: Row, options: Sequence[str]) -> list[dict[str, str]]:
    """The chat prompt; that of the open diagnosis is `skin_r1.reading.messages_for`, to the letter."""
    if task == "diagnosis":
        return messages_for(row)
    history = f" History: {row['history']}" if row.get("history") else ""
    shown = "\n".join(f"{mark}. {_name(task, option)}" for mark, option in zip(_marks(task), options, strict=False))
    text = _CASE.format(modality=row["modality"], history=history) + TASKS[task].prompt.format(options=shown)
    return [{"role": "user", "content": text}]


def _marks(task: str) -> Sequence[str]:
    return LETTERS if task == "choice" else [str(number) for number in range(1, 1000)]


def _name(task: str, option: str) -> str:
    if task == "malignancy":
        return option
    return concept_name(option) if task == "concepts" else load_ontology().name(option)


def look_alikes(truth: str, count: int, rng: random.Random) -> list[str]:
    """Wrong diagnoses that are hard to tell from the truth.

    They are drawn from the nearest of the differential graph, then from the nearest in the tree. Shelves are left out, and
    what stands above or below the truth or another option: it could be ruled out, or in, by logic alone.
    """
    tree = load_ontology()
    chosen = [truth]
    for slug in _nearest_first(truth, POOL * count, rng):
        if len(chosen) > count:
            break
        fine = tree.nodes[slug].level in ("diagnosis", "subtype")
        if fine and not any(slug in tree.path(each) or each in tree.path(slug) for each in chosen):
            chosen.append(slug)
    return chosen[1:]


def _nearest_first(truth: str, near: int, rng: random.Random) -> Iterator[str]:
    """Diagnoses and shelves, those equally near in random order; some come again."""
    tree = load_ontology()
    edges = [edge.b for edge in neighbors(truth)][:near]
    yield from rng.sample(edges, len(edges))
    for shelf in tree.ancestors(truth):
        ring = [slug for slug in tree.nodes if shelf in tree.path(slug)]
        yield from rng.sample(ring, len(ring))
    yield from rng.sample(sorted(tree.nodes), len(tree.nodes))


def _choice(row: Row, rng: random.Random, choices: int, at: int) -> list[str]:
    wrong = look_alikes(row["diagnosis"], choices - 1, rng)
    return [*wrong[:at], row["diagnosis"], *wrong[at:]]


def _concepts(row: Row, rng: random.Random, choices: int, at: int) -> list[str]:
    annotated = sorted({*row["concepts_present"], *row["concepts_absent"]})
    return rng.sample(annotated, len(annotated))  # the order must not tell which ones are present


@cache
def families() -> tuple[str, ...]:
    """Slugs of all families of the ontology, in its order."""
    return tuple(slug for slug, node in load_ontology().nodes.items() if node.level == "family")


def _below_family(row: Row) -> bool:
    slug = row["diagnosis"]
    return slug is not None and any(each in families() for each in load_ontology().ancestors(slug))


def _nothing(row: Row, rng: random.Random, choices: int, at: int) -> tuple[str, ...]:
    return ()


TASKS: dict[str, Task] = {
    "diagnosis": Task("findings, differential, diagnosis and malignancy as JSON", lambda row: True, _nothing, ""),
    "choice": Task(
        "the letter of one of --choices look-alike diagnoses",
        lambda row: row["diagnosis"] is not None,
        _choice,
        "Which diagnosis fits this image best?\n{options}\n"
        + _THINK
        + "end with one line that holds the word Answer, a colon and the letter.",
    ),
    "hierarchy": Task(
        "the family of diseases, then the diagnosis",
        _below_family,
        lambda row, rng, choices, at: families(),
        "Say to which family of diseases this belongs, and then which diagnosis it is. The families are:\n{options}\n"
        + _THINK
        + "end with two lines: the word Family, a colon and one of these families; the word Diagnosis, a colon and one "
        "name, as narrow as the image allows.",
    ),
    "differential": Task(
        "up to five diagnoses, the most likely first",
        lambda row: row["diagnosis"] is not None or bool(row["differential"]),
        _nothing,
        _THINK + "list up to five diagnoses that could be meant, the most likely first, one a line with its number.",
    ),
    "malignancy": Task(
        f"one of {', '.join(WORDS)}",
        lambda row: row["malignancy"] in WORDS,
        lambda row, rng, choices, at: WORDS,
        "What is it?\n{options}\n"
        + _THINK
        + "end with one line that holds the word Answer, a colon and one of these words.",
    ),
    "concepts": Task(
        "yes or no for every annotated finding of the case",
        lambda row: bool(row["concepts_present"] or row["concepts_absent"]),
        _concepts,
        "Does this image show the following?\n{options}\n"
        + _THINK
        + "answer each in a line of its own: its number, a full stop, and yes or no.",
    ),
    "report": Task(
        "a free report under four headings",
        lambda row: True,
        _nothing,
        "Write a short report under the headings Description, Impression, Differential diagnosis and Recommendation. "
        "Describe only what is visible, and name one most likely diagnosis in the impression.",
    ),
}


def check_task(task: str, choices: int) -> None:
    """Refuse an unknown task, or a number of options that has no letters.

    Raises:
        UserError: what is allowed.
    """
    if task not in TASKS:
        raise problem("unknown task", column="task", found=task, allowed=TASKS)
    if not 2 <= choices <= len(LETTERS):
        raise problem(
            "so many options cannot be shown", column="choices", found=choices, allowed=f"2 to {len(LETTERS)}"
        )
