"""Diagnoses that prose names, in order, and how those of one sentence hang together."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import eval.answers.cues as cues
import eval.answers.links as links
from eval.answers.firmness import NEAR, Firmness, Name, as_sign, firmness_of, in_line, still_said
from skin_r1.negation import negation
from skin_r1.ontology import load_ontology, resolve
from skin_r1.scan import Clause, Span, clauses
from skin_r1.stances import stance_of_diagnosis


@lru_cache(maxsize=4096)
def names_in(text: str) -> tuple[Name, ...]:
    """Every diagnosis that a text names, in order. One name joined to another by "or" or "and" is as firm as that."""
    out: list[Name] = []
    plain = links.OPTION.sub("   ", links.OWNER.sub("  ", text))
    plain = links.REPLY.sub(lambda found: " " * len(found[0]), plain)
    plain = links.IDIOM.sub(lambda found: " " * len(found[0]), plain)
    plain = links.INSIDE.sub(" ", plain)
    plain = links.SHORT_WORD.sub(lambda found: found[0].replace(".", " "), plain)
    for number, clause in enumerate(clauses(plain)):
        if not any(span.diagnosis for span in clause.spans):
            continue
        states = negation(clause)
        last: Name | None = None
        said = Firmness.AGAINST  # of the last name, before it was taken for a sign
        for span, state in zip(clause.spans, states, strict=True):
            if span.diagnosis is None:
                continue
            span = _finer(plain, clause, _longer(clause, span))
            start, end = clause.starts[span.first], clause.ends[span.last - 1]
            stance = stance_of_diagnosis(clause, span, state)
            refused = stance == "denied" and not still_said(plain, clause.starts[0], start, end)
            firm = firmness_of(plain, clause, span, refused, out)
            joined = links.JOIN.fullmatch(text, last.end, start) if last is not None else None
            before, said = said, firm
            firm = as_sign(plain, start, end, firm)
            listed = last is not None and firm is Firmness.NAMED and text[last.end : start].strip() == ","
            between = text[last.end : start] if last is not None else ""
            of_sign = (
                last is not None and firm is not Firmness.AGAINST and links.SIGN_OF.fullmatch(between) is not None
            )
            if last is not None and firm is Firmness.NAMED and last.firmness is Firmness.LISTED and not of_sign:
                listed = listed or cues.TURN.search(between) is None  # "possibilities range from X to Y"
            aside = last is not None and links.ASIDE.fullmatch(between) and in_line(last.slug, span.diagnosis or "")
            if last is not None and of_sign:
                firm = max(firm, before)  # "Wickham's striae of lichen planus"
                out[-1] = replace(last, firmness=Firmness.AGAINST)
            subject = joined is not None and cues.SUBJECT.match(plain[end : end + NEAR]) is not None
            if last is not None and (joined or listed or aside) and firm is not Firmness.AGAINST and not subject:
                firm = last.firmness
            alternative = joined is not None and links.OR.search(joined[0]) is not None
            told = last is not None and links.TOLD_FROM.search(plain, clause.starts[0], start)
            weak = last is not None and (last.firmness is Firmness.NAMED or (told and last.firmness < Firmness.FINAL))
            told = told or (last is not None and start - last.end < 40 and links.ALTERNATIVE.search(between))
            without = refused and cues.AFTER.match(plain[end : end + NEAR]) is not None
            if (joined or told) and firm < Firmness.HINTED and not refused and last and weak:
                _lower(out)  # "X and Y are mimics", "to tell X from Y"
            if (subject and firm is Firmness.LISTED) or (joined and without):
                # "X, Y and Z can look identical"
                out = [_listed(name) if name.clause == number else name for name in out]
            if alternative and last and last.firmness >= Firmness.LIKELY and " v" in between.lower():
                if links.FAVOURED.search(text, max(0, last.start - NEAR), last.start):
                    firm, alternative = Firmness.LISTED, False  # "favour X vs Y"
            if last and firm is Firmness.NAMED and links.ABOVE.fullmatch(between):
                firm = Firmness.LISTED
            if last and firm > Firmness.LISTED and links.SO_IS.search(between):
                firm = last.firmness  # "X is possible, and so is Y"
            denied = firm is Firmness.AGAINST and refused
            last = Name(span.diagnosis or "", start, end, firm, number, denied, alternative)
            out.append(last)
    return tuple(out)


def _listed(name: Name) -> Name:
    return replace(name, firmness=Firmness.LISTED) if name.firmness is Firmness.NAMED else name


def _lower(names: list[Name]) -> None:
    """Take the last name, and those that stand as alternatives to it, for merely listed."""
    for at in range(len(names) - 1, -1, -1):
        names[at] = replace(names[at], firmness=Firmness.LISTED)
        if not names[at].alternative:
            return


def _longer(clause: Clause, span: Span) -> Span:
    """The name with an "of the ..." that belongs to it: "ringworm of the body"."""
    words, tree = clause.words, load_ontology()
    if words[span.last : span.last + 1] == ("of",):
        skip = 2 if words[span.last + 1 : span.last + 2] in (("the",), ("a",)) else 1
        for end in range(min(span.last + skip + 2, len(words)), span.last + skip, -1):
            name = " ".join((*words[span.first : span.last], "of", *words[span.last + skip : end]))
            if slug := tree.by_key.get(name) or tree.narrower.get(name):
                return span._replace(last=end, diagnosis=slug)
    return span


def _finer(text: str, clause: Clause, span: Span) -> Span:
    """The name with words beside it that make it a kind of it: "morphoeic BCC", "BCC, nodular type"."""
    start, end = clause.starts[span.first], clause.ends[span.last - 1]
    kind = links.KIND_AFTER.match(text, end)
    slug = _named(f"{kind[1]} {text[start:end]}") if kind else None
    if slug and span.diagnosis in load_ontology().ancestors(slug):
        return span._replace(diagnosis=slug)
    for first in range(max(0, span.first - 2), span.first):
        slug = _named(text[clause.starts[first] : end])
        if slug and span.diagnosis in load_ontology().ancestors(slug):
            return span._replace(first=first, diagnosis=slug)
    return span


@lru_cache(maxsize=1 << 12)
def _named(words: str) -> str | None:
    found = resolve(words)
    return found.diagnosis if found.match in ("exact", "synonym") else None


def deepest(slugs: Sequence[str]) -> tuple[str, ...]:
    """The slugs in order, each once, without those that another one is a kind of.

    >>> deepest(["malignant-neoplasm", "melanoma", "blue-nevus", "melanoma"])
    ('melanoma', 'blue-nevus')
    """
    tree = load_ontology()
    once = tuple(dict.fromkeys(slugs))
    above = {shelf for slug in once for shelf in tree.ancestors(slug)}
    return tuple(slug for slug in once if slug not in above)
