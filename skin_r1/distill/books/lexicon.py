"""A reader without a model: rules by cue words, sentence by sentence; careful rather than complete."""

import re

from skin_r1.concepts import load_concepts, mentions
from skin_r1.distill.books.passages import Passage, sentences
from skin_r1.distill.books.proof import FAVOR, NOT_RARE, RARITY, Named, Proposal, named_diagnoses, segment
from skin_r1.ontology import load_ontology, normalize

_EXCLUDES = re.compile(r"\b(?:excludes?|rules? out|never|incompatible with)\b", re.IGNORECASE)
_SUPPORTS = re.compile(
    r"\b(?:may|can|might|sometimes|often|occasionally|frequently|commonly|suggests?|favou?rs?|supports?|"
    r"(?:common|frequent) (?:\w+ )?(?:findings?|signs?|features?|symptoms?)|points? to)\b",
    re.IGNORECASE,
)
_COMMON = re.compile(r"\b(?:common|frequent)\b", re.IGNORECASE)  # after a finding: "fissures are common"
# Words that may stand before a diagnosis without narrowing it: "eruptive keratoacanthoma" speaks of a kind only.
_PLAIN = frozenset(
    "a an the of in with for to from by and or is are as most all that classic typical cases exclude excludes out "
    "suggest suggests favor favors support supports indicate indicates".split()
)
# Whose finding it is cannot be told from the words, or the sentence is about something else than how a disease looks.
_COMPARED = re.compile(
    r"\b(?:unlike|in contrast|compared (?:to|with)|versus|vs|distinguish\w*|differentiat\w*|resembl\w*|mimics?|mimicking|"
    r"similar to|rather than|differential|confused with|mistaken for|apart from|associated with|secondary to|complicat\w*)\b|"
    r"\A(?:(?:in|on) )?(?:this|these|our|here)\b",
    re.IGNORECASE,
)
_VARIANT = re.compile(r"\b(?:rare|uncommon|unusual) (?:variant|form|type|case)s?\b", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"\b(?:treat\w*|therap\w*|steroids?|drugs?|surg\w*|laser|cryotherapy|caused by|due to|histo\w*|biops\w*|"
    r"microscopically|epidermis|dermis|resolv\w*|heal\w*|without treatment|prevent\w*|vaccin\w*)\b",
    re.IGNORECASE,
)


def proposals(passage: Passage) -> list[Proposal]:
    """The rules that a passage's cue words state.

    A sentence counts where it speaks of one diagnosis: the one of its heading, where it names no other, or the only one
    that it names, where its heading names none or a wider one. A shelf above the heading's diagnosis ("this dermatitis")
    means that diagnosis. Each part of the sentence gives its findings one role: `excludes`, `rare`, `supports` or
    `typical`; a part with cues for and against, or with none, gives nothing.
    """
    title = _title(passage.heading)
    out: list[Proposal] = []
    for sentence in (each for line in passage.text.split("\n") for each in sentences(line)):
        named = named_diagnoses(sentence)
        slug = _subject(named, title)
        if slug is None or sentence.endswith("?") or _COMPARED.search(sentence) or _narrowed(sentence, named):
            continue
        for mention in mentions(sentence):
            part = segment(sentence, mention.start)
            after = part[part.find(sentence[mention.start : mention.end]) :]
            role = None if _ELSEWHERE.search(part) else _role(part, after, mention.negated)
            if role is not None:
                name = load_ontology().name(slug)
                out.append(Proposal(name, mention.slug, role, _modality(mention.slug, sentence), sentence))
    return out


def _title(heading: str) -> str | None:
    """The diagnosis of the narrowest heading that names any; None where it names several."""
    for part in reversed(heading.split(" > ")):
        if slugs := {named.slug for named in named_diagnoses(part)}:
            return slugs.pop() if len(slugs) == 1 else None
    return None


def _subject(named: tuple[Named, ...], title: str | None) -> str | None:
    tree = load_ontology()
    slugs = {each.slug for each in named if not title or each.slug not in tree.ancestors(title)}
    slug = slugs.pop() if len(slugs) == 1 else title if not slugs else None
    return slug if slug is None or title is None or title in tree.path(slug) else None


def _narrowed(sentence: str, named: tuple[Named, ...]) -> bool:
    """The sentence speaks of a kind without a node of its own, or a word that may narrow a diagnosis stands before it."""
    tree = load_ontology()
    said = [normalize(sentence[each.start : each.end]) for each in named]
    before = (re.findall(r"[\w-]+(?=\s+\Z)", sentence[: each.start]) for each in named)
    kinds = any(name in tree.narrower and name not in tree.by_key for name in said)
    return kinds or any(words and words[0].lower() not in _PLAIN for words in before)


def _role(part: str, after: str, negated: bool) -> str | None:
    """The role that a part of a sentence gives to a finding in it, or None; `after` begins with the finding."""
    if _VARIANT.search(part):
        return None
    if NOT_RARE.search(part):
        return "supports"
    excludes, rare = _EXCLUDES.search(part), RARITY.search(part)
    favor, supports = FAVOR.search(part), _SUPPORTS.search(part) or _COMMON.search(after)
    if excludes:
        # "the lack of comedones excludes acne" says the contrary
        said = not negated or excludes[0].lower() == "never"
        return "excludes" if said and not (rare or favor or supports) else None
    if negated:  # "scale is typically absent": rarely does the disease show it
        return None if rare else "rare"
    if rare:
        return None if favor or supports else "rare"
    return "supports" if supports else "typical" if favor else None


def _modality(finding: str, sentence: str) -> str:
    """`dermoscopic` where the sentence says so, else the one way in which the finding is seen, else nothing."""
    if re.search(r"\bderm(?:at)?oscop", sentence, re.IGNORECASE):
        return "dermoscopic"
    own = load_concepts()[finding].modality
    return own[0] if len(own) == 1 else ""
