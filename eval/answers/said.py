"""What an answer says besides its diagnosis: benign or malignant, and which findings it asserts."""

import re
from collections.abc import Iterable, Sequence

from eval.answers.statements import Statement
from reward_fns.doubt import doubted
from skin_r1.claims import claims
from skin_r1.concepts import concept_slug

_SAID = re.compile(
    r"\b(?P<no>(?:not|non|no|never|neither|nor|isn't|\w*n't|without|rather than|unlikely(?: to be)?|doesn't look|"
    r"rule out|exclude|than|whether|if|instead of|no signs? of|no evidence of|low suspicion (?:of|for)|"
    r"cannot exclude)[ -](?:(?:an?|the|be|being|look\w*|appear\w*|likely|obviously|clearly|overtly|any|skin|to be|"
    r"sign of|features of|evidence of) )*)?(?P<word>pre-?malignan\w+|pre-?cancer\w*|non-?neoplastic|inflammatory|"
    r"infectious|indeterminate|borderline|malignan\w+|(?:skin )?cancer(?:ous)?|benign|harmless|non-?cancerous|"
    r"non-?malignant)\b(?P<tail>[ ]+(?:potential|transformation|change|degeneration|risk|is unlikely|unlikely|"
    r"is low|seems unlikely|or malignant|or benign|vs\.?|versus|is ruled out|can be excluded|"
    r"cannot be (?:excluded|ruled out)|should be))?",
    re.IGNORECASE,
)
_OF = (
    ("premalignant", re.compile(r"pre-?(?:malig|canc)", re.IGNORECASE)),
    ("non-neoplastic", re.compile(r"non-?neo|inflamm|infect", re.IGNORECASE)),
    ("indeterminate", re.compile(r"indet|border", re.IGNORECASE)),
    ("benign", re.compile(r"benign|harmless|non-?(?:canc|malig)", re.IGNORECASE)),
    ("malignant", re.compile(r"malig|cancer", re.IGNORECASE)),
)
_OPPOSITE = {"malignant": "benign", "benign": "malignant"}
_GENERAL = re.compile(
    r"\b(?:type|form|kind) of\W*$|\b(?:risk|chance|signs?|could|may|might|can|become|turn|develop|into|"
    r"potential(?:ly)?|history|family|screen\w*|worried about|exclude|rule out|mimic\w*|most common|would|should|"
    r"differentiat\w+|distinguish\w*|between|foundation|society)\b[^.;:\n]{0,50}$",
    re.IGNORECASE,
)
_SHORT = 40  # characters of an answer that is nothing but the word


def malignancy_of(text: str) -> str | None:
    """One of `skin_r1.reading.MALIGNANCIES` that a text says of the lesion, or None where it says none or several."""
    said: list[str] = []
    for found in _SAID.finditer(text):
        value = next(name for name, pattern in _OF if pattern.search(found["word"]))
        tail = (found["tail"] or "").strip().lower()
        if tail.startswith(
            (
                "or ",
                "vs",
                "versus",
                "cannot",
                "potential",
                "transformation",
                "change",
                "degeneration",
                "risk",
                "should",
            )
        ):
            continue
        denied = found["no"] is not None or tail != ""
        if value in ("non-neoplastic", "indeterminate") and len(text) > _SHORT:
            if not re.search(r"malignan|nature|neoplas", text, re.IGNORECASE) or denied:
                continue
        if not denied and len(text) > _SHORT and _GENERAL.search(text[max(0, found.start() - 90) : found.start()]):
            continue
        if denied and (
            value not in _OPPOSITE or re.match(r"(?:than|whether|if|rule|exclude|cannot)", found["no"] or "", re.I)
        ):
            continue
        if denied and len(text) > _SHORT and value == "benign":
            continue
        said.append(_OPPOSITE[value] if denied else value)
    kinds = dict.fromkeys(said)
    return next(iter(kinds)) if len(kinds) == 1 else None


def said_malignancy(lines: Sequence[Statement]) -> str | None:
    """What an answer says of the lesion: under a heading of its own, else in prose; None where it does not."""
    for line in lines:
        if line.kind == "malignancy" and (said := malignancy_of(_none_is_benign(line))):
            return said
    prose = (line.text for line in lines if line.kind in (None, "main", "final", "reasons"))
    return malignancy_of("\n".join(prose))


def _none_is_benign(line: Statement) -> str:
    return f"not malignant {line.text}" if re.match(r"(?:no|none|false)\b", line.text, re.IGNORECASE) else line.text


def asserted_findings(reasoning: str, lines: Iterable[Statement], named: Iterable[str]) -> tuple[str, ...]:
    """Slugs of the concepts that an answer asserts, each once.

    Args:
        reasoning: the reasoning that stands apart, or "".
        lines: of the answer; lists of other diagnoses and advice claim nothing of the lesion.
        named: names from the `findings` of an object; each asserts what it names.
    """
    own = (line.text for line in lines if line.kind not in ("aside", "differential", "ranked", "malignancy"))
    texts = (reasoning, *own)
    told = [
        (claim.slug, claim.stance == "said" and not claim.question and not doubted(text, claim.start, claim.end))
        for text in texts
        for claim in claims(text)
        if claim.kind == "finding"
    ]
    listed = [slug for name in named if (slug := concept_slug(name))]
    return tuple(dict.fromkeys((*listed, *(slug for slug, said in told if said))))
