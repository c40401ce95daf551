"""Does the reasoning settle on the answer: as its last conclusion, without a rival and without a doubt?"""

import re
from collections.abc import Sequence

from reward_fns.answers import Answer
from skin_r1.claims import Claim
from skin_r1.distill.checks.conclusion import TURN, in_line

# What stands between two diagnoses of one conclusion; words join them, a comma or a dash may as well begin something new.
_WORDS = r"\b(?:or|and|versus|vs|also|either|alternatively|plus|possibly|perhaps|maybe|rather|as well as|an?|the)\b\.?|\d ?%"
_JOINED = re.compile(rf"(?:(?:;\s*(?=(?:or|alternatively|plus)\b))?(?:[\s,/&+|()\d–—-]|{_WORDS}))+", re.IGNORECASE)
_BY_WORD = re.compile(r"[/&+|]|\b(?:or|and|versus|vs|alternatively|plus|as well as)\b", re.IGNORECASE)
# A rival of which something is said is no second conclusion: "psoriasis, eczema being second".
_OF_ITS_OWN = re.compile(
    r"\s*(?:would|could|can|may|might|is|are|was|being|has|shows?|comes?|remains?|lacks?|tends?|does|second|third|next|"
    r"less|then)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"(?:(?<!no )(?<!not )(?<!n't )(?<!without )(?<!beyond )(?<!any )(?<!little )(?<!reasonable )(?<!never )"
    r"\bdoubt(?:s|ed)?\b"
    r"|\b(?:hard|difficult) to believe\b"
    r"|(?<![\d.,])[1-4]?\d ?(?:%|percent) (?:sure|certain|confiden\w+|likely|chance|probab\w+))[^,]*$",
    re.IGNORECASE,
)
_DOUBTFUL = ("doubt", "to believe", "%", "percent")  # a text without any of these has no such words
# What turns a name down for itself; "nothing speaks against it" does not.
_AGAINST = re.compile(
    r"(?:(?!\b(?:no|not|none|nothing|never|little)\b|n't).)*"
    r"\b(?:against|not|no|nothing (?:of|like)|excludes?|rules? out)(?: (?:an?|the|any|this|being|typical|classic))* ",
    re.IGNORECASE,
)
_UNLIKELY = re.compile(
    r" (?:is|was|seems?|looks?|appears?|remains?|being) (?:\w+ly |very |quite |much |far |the )?"
    r"(?:unlikely|less likely|least likely|improbable|implausible|excluded|ruled out|out of the question|"
    r"wrong|incorrect|mistaken|untrue|an? (?:mistake|error))\b",
    re.IGNORECASE,
)
_RECONSIDERED = re.compile(
    r"\W*(?:on (?:second thoughts?|reflection)|thinking again|wait|actually|correction|sorry|no|or rather|rather|make that|"
    r"in fact)\b",
    re.IGNORECASE,
)
_NEAR = 120  # characters beside a name in which its clause is read
_CLAUSE_END = re.compile(r"[.;!?\n]")
_WORD = re.compile(r"\w+")
# A clause without any other word says nothing but the name: "All findings are those of eczema."
_PLAIN = frozenset(
    "a all an answer are be best bet by call certainly clear clearly conclude condition course definitely "
    "diagnose diagnosis evidently exactly features final finally findings for go got had has have he hence her here "
    "his i image in is it its just lesion must my obvious obviously of on patient picture plain plainly really "
    "say says she shows sign signs simply so surely that the then therefore these they this those thus to typical was "
    "we what will would "
    "on second thought thoughts reflection thinking again wait actually correction sorry no or rather make fact".split()
)


def concluded(answer: Answer, named: str) -> bool:
    """True where the reasoning settles on the answer, with no rival beside it, and neither denies nor doubts it elsewhere.

    Args:
        answer: what was read.
        named: slug of its diagnosis.
    """
    claims = [claim for claim in answer.prose.claims if claim.kind == "diagnosis"]
    kin = in_line(named)
    settled = [at for at, claim in enumerate(claims) if claim.stance in ("concluded", "leaning")]
    if settled:
        at = next((at for at in reversed(settled) if claims[at].slug in kin and answer.stands(claims[at])), None)
    else:
        at = len(claims) - 1 if _left_alone(answer, claims, kin) else None
    return at is not None and not (
        _rivaled(answer.think, claims, at, kin)
        or _refused(answer.think, claims, at, named)
        or (claims[-1].slug not in kin and at < len(claims) - 1 and _replaces(answer, claims[-1]))
    )


def _left_alone(answer: Answer, claims: Sequence[Claim], kin: frozenset[str]) -> bool:
    """True where no verb concludes anything, and the last name stands alone, as no rival does: "so melanoma"."""
    last = claims[-1] if claims else None
    if last is not None and last.stance == "denied":  # "a nevus; melanoma is unlikely"
        last = next((claim for claim in reversed(claims) if claim.stance != "denied"), None)
    if last is None or last.slug not in kin or last.stance != "weighed" or not answer.stands(last):
        return False
    if _UNLIKELY.match(answer.think, last.end):
        return False  # "psoriasis is out of the question"
    for claim in claims:
        if (
            claim.slug not in kin
            and claim.stance != "denied"
            and (claim.clause == last.clause or _plain(answer, claim))
        ):
            return False
    return True


def _plain(answer: Answer, claim: Claim) -> bool:
    """True where a clause says nothing but the name, and stands by it."""
    after = _CLAUSE_END.split(answer.think[claim.end : claim.end + _NEAR], maxsplit=1)[0]
    if claim.stance != "weighed" or not _PLAIN.issuperset(_WORD.findall(after.lower())):
        return False
    before = _CLAUSE_END.split(answer.think[max(0, claim.start - _NEAR) : claim.start])[-1]
    return _PLAIN.issuperset(_WORD.findall(before.lower())) and answer.stands(claim)


def _replaces(answer: Answer, claim: Claim) -> bool:
    """True for a clause that puts its name in the place of what was concluded: "on second thoughts, eczema"."""
    before = _CLAUSE_END.split(answer.think[max(0, claim.start - _NEAR) : claim.start])[-1]
    return _RECONSIDERED.match(before) is not None and _plain(answer, claim)


def _rivaled(text: str, claims: Sequence[Claim], at: int, kin: frozenset[str]) -> bool:
    """True where another diagnosis is joined to claim `at`: "psoriasis or eczema"; a kind or a shelf of it is none."""
    before = claims[at - 1] if at else None
    if before is not None and before.slug not in kin and before.stance != "denied":
        between = text[before.end : claims[at].start]
        if _JOINED.fullmatch(between) and _BY_WORD.search(between):
            return True
    for last, after in zip(claims[at:], claims[at + 1 :], strict=False):
        between = text[last.end : after.start]
        if not _JOINED.fullmatch(between):
            return False
        if after.slug not in kin:
            ranked = _OF_ITS_OWN.match(text, after.end) and not _BY_WORD.search(between)
            return after.stance != "denied" and not ranked
    return False


def _refused(text: str, claims: Sequence[Claim], at: int, named: str) -> bool:
    """True where the answer is denied or doubted, and no turn leads from there to its conclusion, claim `at`."""
    end, doubtful = claims[at].start, any(cue in text for cue in _DOUBTFUL)
    own = [claim for claim in claims if claim.slug == named and (doubtful or claim.stance == "denied")]
    refused = (claim for claim in own if _turned_down(text, claim, claims))
    return any(claim.start >= end or not TURN.search(text, claim.end, end) for claim in refused)


def _turned_down(text: str, claim: Claim, claims: Sequence[Claim]) -> bool:
    start = max((other.end for other in claims if other.end <= claim.start), default=0)
    before = _CLAUSE_END.split(text[max(start, claim.start - _NEAR) : claim.start])[-1]
    denied = claim.stance == "denied" and (_AGAINST.fullmatch(before) or _UNLIKELY.match(text, claim.end))
    return bool(denied) or _DOUBT.search(before) is not None
