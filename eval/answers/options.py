"""The options of a multiple-choice question: their letters and numbers, and where an answer uses their words."""

import re
from collections.abc import Sequence
from functools import lru_cache

from eval.answers.phrases import read_value
from eval.answers.reader import read_answer
from skin_r1.ontology import load_ontology
from skin_r1.wording import normalize

_OWN_MARK = re.compile(r"^\s*[(\[]?(?:[A-Za-z]|\d{1,2}|[ivx]{1,4})[.):\]]\s+(?=\S)")
_COUNTS = {
    word: number
    for number, words in enumerate(
        (
            "one first i",
            "two second ii",
            "three third iii",
            "four fourth iv",
            "five fifth v",
            "six sixth vi",
            "seven vii",
            "eight viii",
        )
    )
    for word in words.split()
}
_AGAINST = re.compile(
    r"\b(?:not|no|\w*n't|never|neither|nor|without|rather than|instead of|unlike|rules? out|ruled out|excludes?|"
    r"excluding|over|versus|vs|against|less likely(?: to be)?|than|absence of)\W+(?:[\w-]+\W+){0,3}$",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"^[\"')*\s]*(?:\([^()]*\)\s*)?(?:(?:is|are|was|seems?|would be|can be|looks?|"
    r"has been)\s+)?(?:\w+ly )?(?:not\b|unlikely|less\b|ruled out|excluded|incorrect|wrong|absent|missing|would\b|"
    r"lacks?\b|does(?:n't| not)|typically|usually)",
    re.IGNORECASE,
)


def option_texts(options: Sequence[str]) -> tuple[str, ...]:
    """The options without their own letters: "A) melanoma" is "melanoma"."""
    return tuple(_OWN_MARK.sub("", option).strip() for option in options)


def marker_index(token: str, n: int) -> int | None:
    """The position that a letter, number or counting word means among `n` options, or None beyond them.

    One sign is a letter where the options reach so far, else a Roman number.
    """
    word = token.casefold()
    if len(word) == 1 and word.isalpha() and ord(word) - ord("a") < n:
        return ord(word) - ord("a")
    index = int(word) - 1 if word.isdecimal() else _COUNTS.get(word, -1)
    return index if 0 <= index < n else None


def named_options(text: str, texts: Sequence[str], *, whole: bool = False) -> list[int]:
    """The options whose words a text uses, where no longer option holds them.

    Args:
        text: a stretch of an answer.
        texts: the options.
        whole: the text must be the option, but for marks, articles and case.
    """
    keys = [normalize(option) for option in texts]
    own = normalize(text)
    if whole:
        if _OWN_MARK.match(text.lstrip(" \n*_`>$")):
            return []  # "A) nevus" is also a letter
        bare = re.sub(r"^(?:an?|the|it is|this is) ", "", own)
        return [k for k, key in enumerate(keys) if key and key in (own, bare)]
    padded, out = f" {own} ", []
    for k in sorted(range(len(keys)), key=lambda k: -len(keys[k])):
        if keys[k] and f" {keys[k]} " in padded:
            out.append(k)
            padded = padded.replace(f" {keys[k]} ", " \u00b7 ")
    if not out and len(text) < 120 and (slug := read_value(text).slug):
        out = _of_slug(slug, texts)
    return sorted(out)


@lru_cache(maxsize=4096)
def _slug(option: str) -> str | None:
    return read_value(option).slug


def _of_slug(slug: str, texts: Sequence[str]) -> list[int]:
    """The options that name the diagnosis; else those on one path with it."""
    tree = load_ontology()
    slugs = [_slug(option) for option in texts]
    same = [k for k, each in enumerate(slugs) if each == slug]
    shelves = [k for k, each in enumerate(slugs) if each and (each in tree.path(slug) or slug in tree.path(each))]
    return same or shelves


def chosen_by_words(answer: str, texts: Sequence[str]) -> tuple[int | None, str, str]:
    """(index, how or why not, quote) of the option that an answer takes by its words alone."""
    if all(_slug(option) for option in texts):
        read = read_answer(answer)
        if read.diagnosis is not None:
            on = _of_slug(read.diagnosis, texts)
            why = "the option's diagnosis" if len(on) == 1 else "the diagnosis is that of no one option"
            return (on[0] if len(on) == 1 else None), why, read.quote
        return None, read.reason, read.quote
    said = {k: quote for k in range(len(texts)) if (quote := _asserted(answer, texts, k))}
    if len(said) == 1:
        index, quote = next(iter(said.items()))
        return index, "the option's words", quote
    return None, "several options are named" if said else "no option is named", ""


def _asserted(answer: str, texts: Sequence[str], k: int) -> str:
    """Where an answer asserts an option: its words, "" where it does not; those within a longer option do not count."""
    if not texts[k].strip():
        return ""
    pattern = re.compile(rf"(?<!\w){re.escape(texts[k].strip())}(?!\w)", re.IGNORECASE)
    longer = [each for j, each in enumerate(texts) if j != k and pattern.search(each)]
    held = [m.span() for each in longer for m in re.finditer(re.escape(each.strip()), answer, re.IGNORECASE)]
    for found in pattern.finditer(answer):
        start = max(answer.rfind(sign, 0, found.start()) for sign in ".;\n,") + 1
        inside = any(a <= found.start() and found.end() <= b for a, b in held)
        against = _AGAINST.search(answer[max(start, found.start() - 60) : found.start()])
        if not inside and not against and not _DOWN.match(answer[found.end() : found.end() + 60]):
            return found[0]
    return ""
