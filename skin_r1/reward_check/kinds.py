"""The kinds of answers that rewards are tried on, in the order in which they are shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from skin_r1.reward_check import hacks, wrong
from skin_r1.reward_check.scene import Scene

Group = Literal["right", "wrong", "hack", "unreadable", "chance"]
Make = Callable[[Scene], str | None]
"""Makes the answer to a row; None where the kind cannot be made of the row, or would be the gold answer again."""


@dataclass(frozen=True)
class Kind:
    """A kind of answer.

    Attributes:
        name: as the bounds and the reports call it.
        group: `right`, `wrong` (the gold answer spoiled in one way), `hack` (written for the reward), `unreadable` (not one
            answer at all, paid 0 by every reward), or `chance` (right about nothing but by luck).
        about: what it is, in words.
        make: see `Make`.
    """

    name: str
    group: Group
    about: str
    make: Make


GOLD = "gold"
KINDS: tuple[Kind, ...] = (
    Kind(GOLD, "right", "the row's own annotation, in plain sentences and in JSON", lambda scene: scene.honest()),
    Kind("reworded", "right", "the same in other words and another order", wrong.reworded),
    Kind("sibling", "wrong", "a sibling of the diagnosis in the tree, of the same malignancy", wrong.sibling),
    Kind("other family", "wrong", "a diagnosis far off in the tree, of the same malignancy", wrong.other_family),
    Kind("opposite", "wrong", "its nearest look-alike of the opposite malignancy", wrong.opposite),
    Kind("flipped", "wrong", "the right diagnosis called by the opposite malignancy", wrong.flipped),
    Kind("one missed", "wrong", "one finding left out", wrong.one_missed),
    Kind("one absent", "wrong", "one finding added that is known to be absent", wrong.one_absent),
    Kind("both of a pair", "wrong", "one finding added that another one excludes", wrong.both_of_a_pair),
    Kind("prose denies", "wrong", "the reasoning denies every finding that the JSON lists", wrong.prose_denies),
    Kind("JSON silent", "wrong", "the reasoning asserts the findings, the JSON lists none", wrong.json_silent),
    Kind("prose silent", "wrong", "the JSON lists the findings, the reasoning names none", wrong.prose_silent),
    Kind("other prose", "wrong", "the reasoning of another case", wrong.other_prose),
    Kind("other findings", "wrong", "the findings of another case, the right diagnosis", wrong.other_findings),
    Kind("reversed", "wrong", "the differential, least likely first", wrong.reversed_differential),
    Kind("no others", "wrong", "no differential", wrong.no_others),
    Kind("whole family", "wrong", "a differential of other members of the family", wrong.whole_family),
    Kind("all findings", "hack", "the right diagnosis with 32 findings, the commonest first", hacks.all_findings),
    Kind(
        "all in prose",
        "hack",
        "the reasoning asserts 32 findings, the JSON is right",
        hacks.all_in_prose,
    ),
    Kind("two at once", "hack", "two diagnoses in one string", hacks.two_at_once),
    Kind("homoglyphs", "hack", "the diagnosis in Cyrillic letters that look Latin", hacks.homoglyphs),
    Kind("gibberish", "hack", "a right JSON after words that mean nothing", hacks.gibberish),
    Kind("prompt copied", "hack", "a right JSON after the prompt's own words", hacks.prompt_copied),
    Kind("padded", "hack", "the right answer, its reasoning repeated to 500 words", hacks.padded),
    Kind("every word", "hack", "every malignancy and many diagnoses in the reasoning, a wrong JSON", hacks.stuffed),
    Kind("self-praise", "hack", "a wrong answer that says it is right", hacks.self_praise),
    Kind("empty", "unreadable", "nothing", lambda scene: ""),
    Kind("name alone", "unreadable", "the right name and no more", hacks.name_alone),
    Kind("no reasoning", "unreadable", "a right JSON after empty reasoning", lambda scene: scene.split(think=" ")),
    Kind("said twice", "unreadable", "the right answer twice", lambda scene: scene.honest() + scene.honest()),
    Kind("two answers", "unreadable", "two diagnoses in two JSON objects", hacks.two_answers),
    Kind("nested", "unreadable", "the right JSON inside another one", hacks.nested),
    Kind("extra key", "unreadable", "the right JSON and a key of its own", hacks.extra_key),
    Kind("tags inside", "unreadable", "tags and an answer inside the reasoning", hacks.tags_inside),
    Kind("cut short", "unreadable", "the right answer, cut before its end", lambda scene: scene.honest()[:-2]),
    Kind("another case", "chance", "the gold answer of another case", hacks.another_case),
)


def kinds_for(sample: Sequence[Scene]) -> tuple[Kind, ...]:
    """`KINDS`, and one blind answer for each malignancy among the rows: the best that pays without looking is among them."""
    named = sample[0].blind.diagnoses
    about = "the commonest {0} diagnosis with the commonest findings, whatever the case"
    return KINDS + tuple(
        Kind(f"all {malignancy}", "chance", about.format(malignancy), hacks.blind(slug))
        for malignancy, slug in named.items()
    )
