"""A second checker of rationales: it reads the raw annotation tables and the knowledge tables, and no code of Skin-R1.

A rationale passes, fails with reasons, or is one to `look` at, with the sentence that the reader is not sure of. Truth is
what the annotators' own tables say (PAD-UFES-20, Fitzpatrick17k, SkinCon): 1, 0 or unmarked. A finding that is asserted must
be marked 1; one that is denied must not be. The reader of English is lists of cues with scopes, after NegEx (Chapman 2001,
doi 10.1006/jbin.2001.1029); what is said of another disease, or of what would be, is no claim about the lesion.

`--measured` is for corpora with outline, border and colors measured on the image. No annotator marked these, so the JSON list
is taken for their truth and the prose has only to agree with it; such rows are counted.

Example:
    python -m benchmarks.check_rationales rationales/ --raw ../shared/data --measured --show 3
"""

import argparse
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

KEYS = ("findings", "differential", "diagnosis", "malignancy")
SPLIT = re.compile(r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<=[.!?;])[\"')]*\s+|\n+")
SPELLING = {
    "colour": "color",
    "naev": "nev",
    "grey": "gray",
    "haem": "hem",
    "oedem": "edem",
    "tumour": "tumor",
    "scopic": "scopic",
}
# Forms that the synonyms of concepts.tsv lack.
EXTRA = {"crusty": "crust", "scabs": "crust", "ulcerating": "ulcer", "reddening": "erythema", "redder": "erythema"}
EXTRA |= {
    "flakiness": "scale",
    "scaliness": "scale",
    "flaked": "scale",
    "blisters": "bulla",
    "pinkish red": "erythema",
}
# Phrases that hold a finding's word and speak of none; those of the second list are for a person to look at.
IDIOMS = (
    "red flag|gray zone|on a scale|scale of certainty|elevated risk"
    "|elevated suspicion|white patient|black patient|black background"
)
IDIOMS_LOOK = (
    "brown skin|black skin|white skin|gray area|black and white"
    "|symmetric distribution|symmetrical distribution|white light"
)

SEEN = (
    "(?:seen|present|visible|found|noted|observed|identified|detected|evident|apparent|there|reported|recorded|shown"
    "|made out|discernible"
    "|mentioned|noticed|recognizable|appreciated|in sight|in view|confirmed|documented|spotted|demonstrated"
    "|to be (?:seen|found|had))"
)
LESION = (
    "(?:lesion|image|area|place|skin|surface|patient|photograph|photo"
    "|picture|case|spot|growth|region|site|field|frame|eruption|rash|view)s?"
)
PSEUDO = re.compile(
    r"\b(?:(?:not|never) (?:only|just|merely|alone|necessarily|surpris\w+|least|uncommon\w*|unusual\w*)|no (?:doubt"
    r"|wonder|less than|surprise"
    r"|question|other than|more than|single (?:sign|finding))|without (?:doubt|question|a doubt|forgetting))\b"
)
NEG = re.compile(
    r"\b(?:no|without|neither|nor|never|lack(?:s|ing|ed)?|absence of|absent|missing|none|nowhere|i miss|free (?:of"
    r"|from)|devoid of|fail\w* to show|den(?:y|ies|ied)"
    r"|negative for|rather than|instead of|rul(?:es?|ed|ing) out|exclud(?:es?|ed|ing)|non|nothing|want of|not)\b"
)
FAINT = re.compile(  # neither yes nor no
    r"\b(?:hardly|barely|scarcely|almost no|less(?: \w+)?$|equivocal|doubtful|questionable|resembl\w+|as if"
    r"|(?<!sign )(?<!finding )(?<!feature )like a|unclear|whether|unsure|can not (?:exclude|rule)"
    r"|(?:look\w*|search\w*|ask\w*|feel|check) (?:\w+ ){0,3}?(?:for|about)(?! it| that| them)|paid attention to"
    r"|watch\w* for|think of|thought of|simulat\w+|mimic\w*|looks? like|looking like|reminiscent|mistaken|confused)\b"
)
POST = re.compile(
    rf"^(?:(?: \w+){{0,3}}? (?:is|are|was|were|seems?|appears?|remains?|has|have|can|could|proves?"
    rf"|be) )?(?: ?\w+){{0,2}}? ?(?:absent|missing|lacking|wanting"
    rf"|not (?:(?:to|be|been|being|\w+ly) )*(?:{SEEN}|a feature|part|form(?:ed)?|develop(?:ed)?|exist|occur|appear)"
    rf"|nowhere|excluded|ruled out|denied|unseen|none|in vain|neither (?:seen|present))\b"
)
HYPO = re.compile(
    r"\b(?:would(?! (?:record|note|describe|register))|could(?! (?:not )?be (?:demonstrated|detected|found|seen|shown"
    r"|made|observed|noted|identified))|might|should|if|unless|(?:were|had) (?:it|this|that|the|there|one)|expect\w*"
    r"|needs?|requires?|calls? for|demands?|suppose\w*"
    r"|assum\w+|imagine|ought|hypothe\w+)\b"
)
SOFT = re.compile(
    r"\b(?:typical\w*|usual\w*|often|common\w*|classic\w*|in general|as a rule|tends?|can|may|normally"
    r"|characteristic\w*|(?:many|most|some|other|such|any)"
    r" (?:\w+ )?(?:patients|cases|lesions|conditions|diseases|diagnoses|kinds|forms|people)|associated|hallmarks?"
    r"|textbooks?|known for|marked by|defined by"
    r"|rare\w*|frequent\w*|always|generally|features? of|signs? of|specific\w*|compatible|fits?|in line)\b"
)
STRONG = re.compile(
    rf"\b(?:here|anyone looking|first (?:glance|look)|on (?:the|this) skin|th(?:is|ese) (?:\w+ )?{LESION}|(?:i|we"
    rf"|one) (?:can |do |also |clearly |did )*(?:not )?(?:see|find|note|notes|observe|notice|record|make out)"
    rf"|in the {LESION}|the {LESION} (?:has|have|shows?|is|are|displays?|bears?|lacks?|carr(?:y|ies))|it (?:has|shows"
    rf"|lacks))\b"
)
WEAK = re.compile(rf"\b(?:(?:is|are|was|were) (?:\w+ )?{SEEN}|there (?:is|are|was|were))\b")
BREAK = set("but however although though whereas while yet except because since so which where as instead".split())
BREAK |= set("despite therefore hence that whose with showing then given only besides next".split())
TURN = set("but however although though whereas while yet".split())  # the subject may change
COLON = re.compile(r" (?:(?:all )?(none|not?|absent|missing|negative|looked for|nowhere)|present|yes|seen|positive)\b")
VERB_NOW = re.compile(r"\b(?:is|are|was|were|has|have|shows?|see|find|there|i|here)\b")
EVIDENCE = re.compile(
    r"\b(?:likely|probable|support\w*|favor\w*|explain\w*|fit\w*|los\w+|suggest\w*|ruled|exclud\w+|out|ranks?"
    r"|reject\w*|doubt\w*|believ\w+|given|account\w*|follow\w*|conclu\w+"
    r"|diagnosis|against|because|since|point\w*|agree\w*|match\w*|plausible|rests?|based|stands?|harder|less|weak\w*"
    r"|set|drop\w*|abandon\w*|here|this|as (?:there|it|the|i|we|this|one|no))\b"
)
ROOM = re.compile(
    r"\b(?:no|without|not|of|in|for|from|than|against|i|we|there|see|find|shows?|because|from|to|on|is|are)\b"
)
META = re.compile(r"\b(?:wrong|false|mistaken?|misleading|tempting) to\b|\bone might (?:say|think)\b")
STARTS = set("i we there it this these the they one here".split())
JOINS = set("and or nor plus along well also together combination".split())
GAP_STOP = set(
    "is are was were be been has have had show shows see find finds found lack lacks would could can may".split()
)
GAP_STOP |= set(
    "might must does do did not no look looks without but neither rather instead free in on over under".split()
)
GAP_STOP |= set("around for to against from absent missing lacking seen present than by never absence none i".split())
NONE_LEFT = re.compile(
    rf"^\W*(?:(?:and|but|yet|which|that|this|these|those|it|they|here|of|however|all|both"
    rf"|still) ?,? ?)*(?:there (?:is|are) (?:none|no\b|nothing)|none\b|neither (?:is|are|of|can)|nothing of"
    rf"|i (?:\w+ )?(?:(?:see|find) (?:none|no|neither|nothing)|do not (?:see|find)|can not|miss)|(?:the "
    rf"|this )?{LESION} (?:lacks?|do|does|misses|(?:has|have|shows?) (?:none|neither|no|nothing))|lacks?\b|(?:is|are"
    rf"|do|does|can) (?:\w+ )?(?:absent|missing|lacking|not|nowhere"
    r"|wanting)|no (?:sign|trace|such)|(?:absent|missing)(?: here| too| as well)?(?:,|$)|not (?:here|so|seen|present"
    r"|found))"
)
SOME_LEFT = re.compile(
    rf"^\W*(?:(?:and|but|yet|which|that|this|these|those|it|they|just|exactly|indeed|what|as) ?,? ?)*(?:(?:is"
    rf"|are) (?:\w+ )?(?:{SEEN}|here|what|the case)|(?:i|we) (?:\w+ )?(?:see|find|have)"
    rf"|(?:it|the {LESION}|{LESION}) (?:does|has|have|shows?)|does\b|do\b|(?:seen|present|found|visible) here)"
)
CONCLUDES = re.compile(
    r"\b(?:(?:i|we|one would|one should) (?:\w+ ){0,2}?(?:say|record|report|choose|pick|settle|conclude|call|name"
    r"|diagnose|take|favor|decide|go|answer|commit|opt|land|lean|end|close|arrive"
    r"|prefer|think|read|enter|put)|(?:the|my|this|working|final|likely) (?:\w+ )?(?:diagnosis|pick|choice|answer"
    r"|verdict|conclusion|call|impression)|conclu\w+|final(?:ly)?"
    r"|(?:most|more|highly|quite) (?:likely|probable|plausible|consistent|convincing)|likeliest|best|therefore|thus"
    r"|hence|accordingly|in sum|overall|on balance|all in all|ahead"
    r"|first (?:place|position)|(?:on|at the|to the) top|wins?|settled?|points? to|(?:consistent|compatible) with"
    r"|diagnos\w+|this is|(?:lesion|rash|eruption) is a|must be|answer|all told|name i|name is|in favor of"
    r"|word for)\b"
)
AGAINST = re.compile(
    r"\b(?:not|rather than|instead of|no|never|than|against|without|unlike|over|excludes?|rul\w+ out|less (?:likely"
    r"|probable)|ahead of|before|above|nor|neither|less of|away from|dismiss\w*"
    r"|reject\w*|drop\w*|abandon\w*|alternatives?|differential|other than|besides|beats?|(?<!things )considered"
    r"|weighed)(?:[ ,]+\w+){0,4}[ ,]*$"
)
DISMISSED = re.compile(
    r"^(?:, however,|, though,)?(?: \w+){0,7}? (?:less|lesser|go|turned down|subordinate|unlikely|excluded|ruled out"
    r"|aside|dropped|abandoned|not|dismissed|rejected|lower|second|runner|behind|improbable|alternatives?|possible"
    r"|possibility|weaker|loses?|fails?)\b"
)
MAYBE = re.compile(
    r"\b(?:would (?:be|have|show)|could|might|if|had it|were it|wider|broader|heading|one may|may set|one more|tree"
    r"|class|group|forms? of|kinds? of)\b|\?$"
)


class Word(NamedTuple):
    """A word of a sentence: in lower case, as written, and what stands before it."""

    low: str
    raw: str
    sep: str


class Mention(NamedTuple):
    """Words start:end name a finding (kind `finding`), diagnoses (`dx`) or an idiom (`skip`, `look`)."""

    start: int
    end: int
    kind: str
    slugs: frozenset[str]
    dx: frozenset[str]


def words_of(text: str) -> list[Word]:
    """Split into words; accents and the genitive's s fall, contractions open, spelling becomes American."""
    text = unicodedata.normalize("NFKD", text.replace("’", "'"))
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"(?i)\bcan(?:not|'t)\b", "can not", text)
    text = re.sub(r"(?i)n't\b", " not", text)
    text = re.sub(r"(?i)\b(it|that|there|here|what)'s\b", r"\1 is", text)
    text = re.sub(r"'s\b|(?<=s)'(?=\s)", "", text)
    words = []
    for found in re.finditer(r"([^A-Za-z0-9]*)([A-Za-z0-9]+)", text):
        low = found[2].lower()
        for british, american in SPELLING.items():
            low = low.replace(british, american)
        words.append(Word(low, found[2], found[1].strip() or " "))
    return words


def _single(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _rows(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [line.split("\t") + [""] * 4 for line in lines[1:]]


@dataclass
class Knowledge:
    """What the files of skin_r1/knowledge say, read anew: names, the tree, codes and labels of datasets."""

    terms: dict[tuple[str, ...], dict[tuple[str, bool], set[str]]] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)
    level: dict[str, str] = field(default_factory=dict)
    excludes: dict[str, set[str]] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)
    codes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Knowledge":
        """Read concepts.tsv, diagnoses.tsv, concept_codes.tsv and mappings/ of a folder."""
        self = cls()
        for slug, name, _, _, synonyms, _, vocabulary, excludes, *_ in _rows(folder / "concepts.tsv"):
            for term in [name, *filter(None, synonyms.split("|"))]:
                self._add(term, "finding", slug)
            self.excludes[slug] = set(filter(None, excludes.split("|")))
            if "abcd" in vocabulary.split("|"):
                self.measured.add(slug)
        for slug, name, parent, level, malignancy, synonyms, narrower, *_ in _rows(folder / "diagnoses.tsv"):
            for term in [name, *filter(None, synonyms.split("|"))]:
                self._add(term, "dx", slug)
            for term in filter(None, narrower.split("|")):
                self._add(term, "dx", slug + ">")  # a kind of the node that has no node
            self.parent[slug], self.level[slug], self.decided[slug] = parent, level, malignancy
        for dataset, column, value, slug, *_ in _rows(folder / "concept_codes.tsv"):
            if value in ("1", "True"):
                self.codes.setdefault(dataset, []).append((column, slug))
        for dataset in ("pad_ufes_20", "fitzpatrick17k"):
            for label, _, predicate, node, *_ in _rows(folder / "mappings" / f"{dataset}.sssom.tsv"):
                if predicate != "skos:narrowMatch":
                    self.labels.setdefault(dataset, {})[label.casefold()] = node.removeprefix("SKINR1:")
        for term, slug in EXTRA.items():
            self._add(term, "finding", slug)
        for kind, phrases in (("skip", IDIOMS), ("look", IDIOMS_LOOK)):
            for term in phrases.split("|"):
                self._add(term, kind, "")
        return self

    def _add(self, name: str, kind: str, slug: str) -> None:
        key = tuple(_single(w.low) for w in words_of(name))
        capitals = kind == "dx" and len(key) == 1 and name.isupper()  # AD and TEN are names in capitals only
        if key and name != "normal":
            self.terms.setdefault(key, {}).setdefault((kind, capitals), set()).add(slug)

    def exact(self, name: str, kind: str) -> set[str]:
        """What a whole name means, or nothing."""
        found = self.terms.get(tuple(_single(w.low) for w in words_of(name)), {})
        return found.get((kind, False), set()) | found.get((kind, True), set())

    def path(self, slug: str) -> list[str]:
        """The node and its ancestors, from below."""
        out = [slug.rstrip(">")]
        while self.parent.get(out[-1]):
            out.append(self.parent[out[-1]])
        return out

    def malignancy(self, slug: str) -> str:
        """That of the nearest node of the path that sets one."""
        return next(self.decided[s] for s in self.path(slug) if self.decided[s])

    def mentions(self, words: Sequence[Word]) -> list[Mention]:
        """The longest names, from the left; a name of a finding and a diagnosis is taken for a finding."""
        out, at = [], 0
        while at < len(words):
            for end in range(min(len(words), at + 9), at, -1):
                if any(set(w.sep) - set("-/ '") for w in words[at + 1 : end]):
                    continue
                kinds = self.terms.get(tuple(_single(w.low) for w in words[at:end]), {})
                fit = [(k, s) for (k, caps), s in kinds.items() if not caps or words[at].raw.isupper()]
                if fit:
                    kind = max((k for k, _ in fit), key=["dx", "skip", "look", "finding"].index)
                    of = {k: frozenset(slugs) for k, slugs in fit}
                    out.append(Mention(at, end, kind, of[kind], of.get("dx", frozenset())))
                    at = end
                    break
            else:
                at += 1
        return out


def _text(words: Sequence[Word]) -> str:
    return "".join((w.sep if w.sep in (" ", "-") else w.sep + " ") + w.low for w in words)


def _coordinated(gap: Sequence[Word], nxt: Word) -> bool:
    """Are two findings with these words between them one list: "scale, thick crust and an ulcer"?"""
    seps = "".join(w.sep for w in [*gap, nxt])
    if len(gap) > 5 or set(seps) & set(";:—–)") or {w.low for w in gap} & (GAP_STOP | BREAK):
        return False
    return not gap or "," in seps or "(" in seps or bool({w.low for w in gap} & JOINS)


def _clause(words: Sequence[Word], first: int, last: int, low: int, high: int) -> tuple[int, int]:
    """Where the clause of words first:last begins and ends, between the limits low and high."""
    start = first
    while start > low:
        before, sep = words[start - 1], words[start].sep
        begins = before.low == "and" and words[start].low in STARTS - {"the"}
        likeness = before.low == "as" and start == first
        if set(sep) & set(",;:()—–") or before.low in BREAK - {"with"} and not likeness or begins:
            break
        start -= 1
    end = last
    bracket = "(" in words[first].sep and last < len(words) and words[last].sep == ")"
    while end < high:
        new = words[end].low in ("and", "or") and end + 1 < len(words) and words[end + 1].low in STARTS
        if bracket and end == last:
            end += 1
            continue
        if set(words[end].sep) & set(",;:()—–") or words[end].low in BREAK or new:
            break
        end += 1
    return start, end


def _polarity(pre: str, post: str) -> str:
    """`yes`, `no`, `some` (an assertion, if a claim at all) or `unsure`, from the words around a list of findings."""
    pre, post = PSEUDO.sub(" ", pre), PSEUDO.sub(" ", post)
    cues = [m for m in NEG.finditer(pre)]
    verdicts = []
    for cue in cues:
        between = pre[cue.end() :].split()
        if cue[0] in ("absent", "missing") and len(between) > 1:
            verdicts.append("some" if "," in pre[cue.end() :] else "unsure")
        elif (
            cue[0] in ("not", "never")
            and len(between) > 2
            and not re.search(
                rf"^ (?:\w+ )?(?:see|find|show|have|observe|detect|note|identify|exhibit|display|bear|carry|make out"
                rf"|contain|notice|spot|look|appear|seem|any|{SEEN})\b",
                pre[cue.end() :],
            )
        ):
            verdicts.append("unsure")  # "does not explain the scale"
        else:
            verdicts.append("no")
    if re.search(r"\bnot (?:\w+ )?(?:absent|missing|lacking|without)\b", post):
        verdicts.append("unsure")
    elif re.match(r"-free\b", post) or POST.search(post):
        verdicts.append("no")
    if FAINT.search(pre) or re.match(r"(?: \w+){0,2} comes? to mind", post):
        verdicts.append("unsure")
    if re.match(r"(?: \w+){0,4}? not\b", post) and "no" not in verdicts:
        verdicts.append("some")  # "the scale is not thick", "scale does not help"
    if len(verdicts) > 1 and not (set(verdicts) == {"no"} and {c[0] for c in cues} <= {"neither", "nor"}):
        return "unsure"
    return verdicts[0] if verdicts else "yes"


def claims_of(text: str, know: Knowledge, spoken: set[str]) -> list[tuple[str, str, str]]:
    """(finding, status, sentence) for each mention.

    Status is `yes`, `no`, `some` (an assertion, if a claim at all), `hint` (a denial, if a claim at all), `unsure`, or
    `none`, which is no claim about the lesion. `spoken` holds the diagnoses that the answer weighs; those names hold no
    findings.
    """
    sentences = [s for s in SPLIT.split(text) if s and s.strip()]
    parsed = [words_of(s) for s in sentences]
    found = [know.mentions(words) for words in parsed]
    out: list[tuple[str, str, str]] = []
    for number, (sentence, words, all_here) in enumerate(zip(sentences, parsed, found, strict=True)):
        here = [m for m in all_here if m.kind != "skip"]
        for m in here:  # "pitted scars" is a diagnosis, and a finding unless the answer weighs that diagnosis
            nodes = {s.rstrip(">") for s in m.dx}
            if m.kind == "dx" and not nodes & spoken and any(know.level[n] in ("diagnosis", "subtype") for n in nodes):
                parts = [words[i : m.end] for i in range(m.start + 1, m.end)]
                out.extend((s, "some", sentence) for part in parts for s in know.exact(_text(part), "finding"))
        groups: list[list[Mention]] = []
        for i, m in enumerate(here):
            if m.kind == "dx":
                continue
            if (
                groups
                and here[i - 1] is groups[-1][-1]
                and _coordinated(words[here[i - 1].end : m.start], words[m.start])
            ):
                groups[-1].append(m)
            else:
                groups.append([m])
        previous = ""
        for g, group in enumerate(groups):
            rest_end = groups[g + 1][0].start if g + 1 < len(groups) else len(words)
            rest = _text(words[group[-1].end : rest_end])
            if (
                g + 1 == len(groups)
                and number + 1 < len(parsed)
                and not any(m.kind == "finding" for m in found[number + 1])
            ):
                after = _text(parsed[number + 1])
            else:
                after = ""
            status = _status(words, here, group, groups[g - 1][-1].end if g else 0, rest_end, previous)
            if status == "none" or sentence.rstrip().endswith("?"):
                tail = re.split(r"[,;:—–(]| (?=but|and|which|yet|while|whereas|though|although)", rest, maxsplit=1)[
                    1:
                ] or [""]
                if any(NONE_LEFT.search(t) for t in (*tail, after) if t):
                    status = "hint"
                elif any(SOME_LEFT.search(t) for t in (*tail, after) if t):
                    status = "some"
                elif sentence.rstrip().endswith("?"):
                    status = (
                        "no"
                        if re.match(r" (?:no|none|neither|not)\b", after)
                        else "yes"
                        if re.match(r" yes\b", after)
                        else "unsure"
                    )
            previous = status
            loose = status == "no" and len(group) > 1 and ":" not in words[group[0].start].sep and _loose(words, group)
            for k, m in enumerate(group):
                own = "unsure" if m.kind == "look" or (loose and k) else status
                like = m.end < len(words) and words[m.end].sep == "-" and words[m.end].low == "like"
                out.extend((slug, "none" if like else own, sentence) for slug in m.slugs)
    return out


def _loose(words: Sequence[Word], group: Sequence[Mention]) -> bool:
    """Is a denied list one that may end earlier: "no scale, erythema", "no scale and a red base"?"""
    gaps = [words[a.end : b.start + 1] for a, b in zip(group, group[1:], strict=False)]
    joined = [{w.low for w in gap[:-1]} for gap in gaps]
    if any(gap and "," in gap[0].sep and not (j & JOINS) for gap, j in zip(gaps[-1:], joined[-1:], strict=True)):
        return True
    return any("and" in j and j & {"a", "an", "the", "some"} for j in joined)


def _status(
    words: Sequence[Word], here: Sequence[Mention], group: Sequence[Mention], low: int, high: int, previous: str
) -> str:
    """The status of a list of findings: words low:high are its own, what stands before decides whose they are."""
    first, last = group[0].start, group[-1].end
    start, end = _clause(words, first, last, low, high)
    pre, post = _text(words[start:first]), _text(words[last:end])
    if ":" in words[start].sep and start and not NEG.search(pre):  # "Absent: scale, crust."
        head = _text(words[_clause(words, start - 1, start, 0, start)[0] : start])
        if NEG.search(PSEUDO.sub(" ", head)) and not any(m.kind == "finding" and m.end <= start for m in here):
            return "no"
    for at in range(last, min(len(words), last + 4)):  # "Vesicles: none."
        answer = COLON.match(_text([words[at]._replace(sep=" "), *words[at + 1 :]])) if ":" in words[at].sep else None
        if answer:
            return "no" if answer[1] else "yes"
    echo = re.search(r"(.*)\b(?:so|as) (?:is|are|do|does)(?: the)?$", _text(words[:first]))
    if echo and (previous == "no" or re.search(r"\b(?:absent|missing|lacking|not)\b", echo[1])):
        return "no"
    opens = next((i for i in range(last, min(len(words), last + 4)) if "," in words[i].sep), len(words))
    for comma in range(opens + 1, min(len(words), opens + 16)):  # "Comedones, often paired here, are not seen."
        apart = _text(words[comma : _clause(words, comma, comma + 1, comma, len(words))[1]])
        if re.match(r", (?:is|are|was|were|has|have|do|does|can)\b", apart):
            if not any(last < m.start < comma and m.kind == "finding" for m in here):
                post, end = apart[1:], last
            break
    region = max(
        [i for i in range(1, first + 1) if set(words[i].sep) & set(";:—–") or words[i - 1].low in TURN] or [0]
    )
    before, clause = _text(words[region:first]), _text(words[start:first]) + _text(words[first:end])
    diseases = [m for m in here if m.kind == "dx"]
    hypo = [m.end() for m in HYPO.finditer(before)]
    own = re.match(r" (?:is|are|was|were|exists?|appears?|remains?|can be)\b", post)
    governed = bool(hypo) and not own and not VERB_NOW.search(before[hypo[-1] :])
    subject = False
    for m in diseases:
        if region <= m.start and m.end <= first:
            edge = max([i for i in range(region, m.start) if words[i].low == "and" or "," in words[i].sep] or [region])
            lead, gap = words[edge : m.start], _text(words[m.end : first])
            near = re.search(r"\b(?:this|present|our)\b", _text(lead[-3:]))
            subject = (
                not near
                and len(_text(lead).split()) <= 4
                and not EVIDENCE.search(gap)
                and not STRONG.search(gap)
                and not ROOM.search(_text(lead))
            )
            subject = subject or bool(
                re.search(r"\b(?:its|their)(?: \w+)?$", gap) and not EVIDENCE.search(gap) and not near
            )
    of = any(
        last <= m.start <= last + 9
        and not any("," in w.sep or w.low in BREAK - {"that", "with"} for w in words[last : m.start + 1])
        and re.search(r" (?:of|in|among|with)(?: \w+){0,5}$", _text(words[last : m.start]))
        and not re.search(
            r" (?:of|in) (?:this|the present)\b| less likely| favor|speaks?|argues?", _text(words[last : m.start])
        )
        for m in diseases
    )
    leading = words[0].low in ("typically", "usually", "often", "classically", "generally") or (
        words[0].low in ("in", "with", "for", "unlike") and any(m.start <= 3 and m.end <= first for m in diseases)
    )
    leading = leading and not (hypo and own) and region == 0 and not TURN & {w.low for w in words[:first]}
    hypothetical = bool(HYPO.search(clause)) or governed or subject or of or leading
    strong = bool(STRONG.search(clause))
    polarity = _polarity(pre, post)
    if re.match(r" (?:it|they) ", before) and region and not strong and any(m.end <= region for m in diseases):
        return "unsure"  # "Eczema is possible, but it has no scale": the lesion, or eczema?
    if hypothetical and not diseases and {m[0] for m in HYPO.finditer(before + post)} == {"could"}:
        return "some" if polarity == "yes" and not NEG.search(before) else "unsure"
    if last < len(words) and words[last].low in ("that", "which", "whose") and polarity == "yes" and not hypothetical:
        if re.search(r"\b(?:absent|missing|lacking|not|nowhere|no|none)\b", _text(words[last:high])):
            return "unsure"  # "the scale that psoriasis needs is not seen"
    if META.search(_text(words)):
        return "unsure"
    if hypothetical:
        if strong or (WEAK.search(clause) and (subject or of)):
            return "some" if polarity == "yes" else "unsure"
        return "none"
    if SOFT.search(clause) and not strong and polarity == "yes":
        return "some"
    return polarity


@dataclass(frozen=True)
class Truth:
    """What the raw tables say of a case: marks (finding to 1 or 0; unmarked ones lack) and the node of its label."""

    marks: Mapping[str, int]
    node: str


def read_truth(raw: Path, know: Knowledge) -> dict[str, Truth]:
    """Cases of pad_ufes_20/metadata.csv and labels/ under `raw`; what annotators disown is left out."""
    out = {}
    table = raw / "pad_ufes_20" / "metadata.csv"
    if table.is_file():
        for row in pd.read_csv(table, dtype=str, keep_default_na=False).to_dict("records"):
            marks = {s: int(row[c] == "True") for c, s in know.codes["pad_ufes_20"] if row[c] in ("True", "False")}
            out[f"pad_ufes_20/{row['img_id']}"] = Truth(
                marks, know.labels["pad_ufes_20"].get(row["diagnostic"].casefold(), "")
            )
    table, concepts = raw / "labels" / "fitzpatrick17k.csv", raw / "labels" / "skincon_annotations_fitzpatrick17k.csv"
    if table.is_file():
        marked, disowned = {}, set()
        for row in pd.read_csv(concepts, dtype=str).to_dict("records") if concepts.is_file() else []:
            name = row["ImageID"].rsplit(".", 1)[0]
            marked[name] = {s: int(row[c]) for c, s in know.codes["skincon"]}
            disowned |= {name} if row["Do not consider this image"] == "1" else set()
        for row in pd.read_csv(table, dtype=str, keep_default_na=False).to_dict("records"):
            if row["md5hash"] not in disowned and not row["qc"].startswith("3"):
                node = know.labels["fitzpatrick17k"].get(row["label"].casefold(), "")
                out[f"fitzpatrick17k/{row['md5hash']}"] = Truth(marked.get(row["md5hash"], {}), node)
    return out


def _conclusion(think: str, truth: Truth, also: set[str], know: Knowledge) -> tuple[str, str]:
    """`right`, `wrong`, `unsure` or `none`, and the last sentence that concludes a diagnosis."""
    right = {truth.node} | also
    above = set(know.path(truth.node)[1:]) - also
    fallback = ("none", "")
    sentences = [s for s in SPLIT.split(think) if s and s.strip()]
    for sentence in reversed(sentences):
        words = words_of(sentence)
        text = _text(words)
        kept = []
        for m in (m for m in know.mentions(words) if m.dx):
            before, after = _text(words[: m.start]), _text(words[m.end :])
            if (
                not AGAINST.search(re.split(r"[;:]| (?=but |so |hence |thus |therefore )", before)[-1])
                and not DISMISSED.search(after)
                and not {s.rstrip(">") for s in m.dx} <= above
            ):
                kept.append(m)
        kept = [m for m in kept if m.kind == "dx"]
        if not kept:
            continue
        last = sentence is sentences[-1]
        hits = [bool({s.rstrip(">") for s in m.dx} & right) for m in kept]
        if CONCLUDES.search(text) and not MAYBE.search(text):
            fine = any(know.level[s.rstrip(">")] in ("diagnosis", "subtype") for m in kept for s in m.dx)
            return ("right" if all(hits) else "unsure" if any(hits) or not fine else "wrong"), sentence
        if last and not any(hits):
            return "unsure", sentence
        if fallback[0] == "none":
            fallback = ("right" if all(hits) else "unsure"), sentence
    return fallback


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({k for k, _ in items}) < len(items):
        raise ValueError("a key twice")
    return dict(items)


def _parse(text: str) -> tuple[str, dict[str, Any]] | str:
    """The reasoning and the answer, or what is wrong with the form."""
    found = re.fullmatch(r"\s*<think>(.*)</think>\s*(\{.*\})\s*", text, re.DOTALL)
    if not found or text.count("<think>") != 1 or text.count("</think>") != 1 or not found[1].strip():
        return "no <think>, </think> and one object"
    try:
        answer = json.loads(found[2], object_pairs_hook=_pairs)
    except ValueError as error:
        return f"JSON: {error}"
    if sorted(answer) != sorted(KEYS):
        return f"keys {sorted(answer)}"
    lists = [answer["findings"], answer["differential"]]
    if not all(isinstance(x, list) and all(isinstance(v, str) for v in x) for x in lists):
        return "findings and differential are lists of names"
    if not all(isinstance(answer[k], str) for k in ("diagnosis", "malignancy")):
        return "diagnosis and malignancy are names"
    return found[1], answer


@dataclass
class Verdict:
    """Reasons to fail, sentences to look at, marked findings left out of the answer, and notes (counted only)."""

    fail: list[tuple[str, str]] = field(default_factory=list)
    look: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(
    text: str, truth: Truth, know: Knowledge, *, allow_ancestor: bool = False, measured: bool = False
) -> Verdict:
    """Check one completion against the raw marks and label of its case."""
    out = Verdict()
    parsed = _parse(text)
    if isinstance(parsed, str):
        out.fail.append(("form", parsed))
        return out
    think, answer = parsed
    if not truth.node:
        out.look.append(("label", "the raw label has no node"))
        return out
    named = know.exact(answer["diagnosis"], "dx")
    above = {s for s in know.path(truth.node)[1:] if know.level[s] in ("diagnosis", "family")}
    also: set[str] = set()
    if truth.node not in named:
        if allow_ancestor and named & above:
            also = named & above
            out.notes.append("an ancestor of the label")
        else:
            out.fail.append(("diagnosis", f"{answer['diagnosis']!r} for {truth.node}"))
    if answer["malignancy"] != know.malignancy(truth.node):
        kind = out.look if also and answer["malignancy"] in {know.malignancy(s) for s in also} else out.fail
        kind.append(("malignancy", f"{answer['malignancy']!r} for {truth.node}"))
    spoken = named | {truth.node}
    for name in answer["differential"]:
        spoken |= know.exact(name, "dx")
        if not know.exact(name, "dx") or know.exact(name, "dx") & named:
            out.look.append(("differential", f"{name!r} is no name, or the diagnosis again"))
    listed: set[str] = set()
    for name in answer["findings"]:
        slugs = know.exact(name, "finding")
        if not slugs:
            out.fail.append(("finding no name", name))
        elif slugs & listed:
            out.fail.append(("finding twice", name))
        elif measured and slugs <= know.measured:
            out.notes.append("measured findings taken from the answer")
        elif not all(truth.marks.get(s) == 1 for s in slugs):
            out.fail.append(("finding not marked", name))
        listed |= slugs
    for slug in sorted(listed):
        if know.excludes[slug] & listed:
            out.fail.append(("findings exclude each other", slug))
    marks = dict(truth.marks)
    if measured:
        marks |= {s: int(s in listed) for s in know.measured}
    out.missing = sorted(s for s, v in marks.items() if v == 1 and s not in listed)
    for slug, status, sentence in claims_of(think, know, spoken):
        mark = marks.get(slug)
        says = f"{slug}: {sentence.strip()}"
        if (
            status == "unsure"
            or (status == "some" and mark != 1)
            or (status == "no" and mark is None)
            or (status == "hint" and mark != 0)
        ):
            out.look.append((f"{status} ({'unmarked' if mark is None else mark})", says))
        elif status == "yes" and mark != 1:
            out.fail.append(("asserts what is 0" if mark == 0 else "asserts what is unmarked", says))
        elif status == "no" and mark == 1:
            out.fail.append(("denies what is 1", says))
    concluded, sentence = _conclusion(think, truth, also, know)
    if concluded == "wrong":
        out.fail.append(("concludes another", sentence))
    elif concluded == "unsure":
        out.look.append(("conclusion", sentence))
    out.notes = sorted(set(out.notes))
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Read, check and print; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rationales", type=Path, nargs="+", help="parquet files, or folders of them")
    parser.add_argument("--raw", type=Path, required=True, help="folder with pad_ufes_20/metadata.csv and labels/")
    parser.add_argument("--knowledge", type=Path, default=Path(__file__).parents[1] / "skin_r1" / "knowledge")
    parser.add_argument(
        "--allow_ancestor", action="store_true", help="accept a node above the label's, of level diagnosis or family"
    )
    parser.add_argument(
        "--measured", action="store_true", help="take outline, border and colors from the answer's own list"
    )
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print up to N examples of each reason")
    args = parser.parse_args(argv)
    know = Knowledge.read(args.knowledge)
    truths = read_truth(args.raw, know)
    files = [f for path in args.rationales for f in (sorted(path.rglob("*.parquet")) if path.is_dir() else [path])]
    verdicts, reasons, missing = Counter[str](), Counter[str](), Counter[str]()
    shown: dict[str, list[str]] = {}
    for file in files:
        for case, completion in pd.read_parquet(file, columns=["case_id", "completion"]).itertuples(index=False):
            text = (
                completion if isinstance(completion, str) else completion[0]["content"] if len(completion) == 1 else ""
            )
            verdict = Verdict(fail=[("case", "not in the raw tables, or disowned there")])
            if case in truths:
                verdict = check(text, truths[case], know, allow_ancestor=args.allow_ancestor, measured=args.measured)
            verdicts["fail" if verdict.fail else "look" if verdict.look else "pass"] += 1
            missing.update(verdict.missing)
            lines = (
                {f"fail: {r}": v for r, v in verdict.fail}
                | {f"look: {r}": v for r, v in verdict.look}
                | {f"note: {n}": "" for n in verdict.notes}
            )
            reasons.update(lines.keys())
            for reason, says in lines.items():
                shown.setdefault(reason, []).append(f"    {case}  {says}")
    print(
        f"{sum(verdicts.values()):,} rationales: "
        + ", ".join(f"{verdicts[k]:,} {k}" for k in ("pass", "fail", "look"))
    )
    for reason, count in sorted(reasons.items()):
        print(
            f"{count:7,}  {reason}",
            *(line for line in shown[reason][: args.show] if not reason.startswith("note")),
            sep="\n",
        )
    print(
        f"marked but not in the answer's list: {sum(missing.values()):,}",
        *(f"{n:7,}  {s}" for s, n in missing.most_common(10)),
        sep="\n",
    )
    if not verdicts:
        print("no rationale found", file=sys.stderr)
    return int(bool(verdicts["fail"]) or not verdicts)


if __name__ == "__main__":
    sys.exit(main())
