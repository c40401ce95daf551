"""Is a sentence said of this lesion, now, by the one who writes it?

What a letter, a textbook or a colleague says, what most patients show, what a brother has and what was there years ago is no
finding of this picture, however plainly it is worded. A source binds what it says: up to a turn ("but"), to a new statement
of the writer's own (", and there is", "I see"), or to the writer's consent ("which I can confirm").
"""

import re
from collections.abc import Collection

_PEOPLE = (
    r"doctors?|physicians?|clinicians?|practitioners?|gp|dermatologists?|oncologists?|surgeons?|observers?|readers?|raters?|"
    r"pathologists?|nurses?|colleagues?|teachers?|students?|residents?|experts?|authors?|someone|somebody|he|she|they|people|"
    r"mothers?|fathers?|parents?|wife|husband|relatives?|patients?|referrer|annotators?|ai|model"
)
_TEXTS = (
    r"textbooks?|books?|literature|guidelines?|atlas|atlases|papers?|articles?|studies|referral|letter|report|reports|chart|"
    r"records?|notes|caption|label|legend|title|filename|metadata|task|prompt|instructions?|internet|wikipedia|visits?"
)
_BOOKS = (
    r"textbooks?|books?|literature|guidelines?|atlas|wikipedia|papers?|articles?|(?:earlier|older|previous|prior|old|former|"
    r"(?:year|month|week|spring|summer|autumn|winter|yesterday)'s) (?:photo|photograph|image|picture|report|biopsy)s?"
)
_SAY = (
    r"say|says|said|mentions?|mentioned|describes?|described|claims?|claimed|reports?|reported|lists?|listed|notes?|noted|"
    r"records?|recorded|states?|stated|writes?|wrote|thinks?|thought|believes?|believed|tells?|told|speaks? of|spoke of|sees|"
    r"saw|asks? (?:for|about)|documents?|documented|documentation of|suspects?|suspected|teach|teaches|expects?|calls? for|"
    r"assures?|insists?|swears?|would (?:say|write|see|note|find|list|expect)"
)
_AGE = r"(?:twin |older |younger |elder |little |late )?"
_KIN = (
    rf"{_AGE}(?:brothers?|sisters?|mother|father|wife|husband|sons?|daughters?|cousins?|uncle|aunt|neighbou?rs?|friends?|"
    r"parents?|siblings?|twin|dog|cat|grand\w+)"
)
_BEING = r"(?:was|were|had|showed|used to)"
_OF_THE_LESION = "who|that|which|i|we|has|have|had|is|are|was|were|with|presents?|shows?"
# Who says it, before what is said; a picture of another time says it too.
_SOURCE = re.compile(
    rf"\b(?:(?:{_PEOPLE}|{_TEXTS})(?: (?!(?:{_OF_THE_LESION})\b)[\w-]+){{0,3}}?(?: (?:has|have|had|also|once|only|"
    rf"even))? (?:{_SAY})\b"
    rf"|according to (?!me\b|my\b|what i\b)|by (?:his|her|their|all) accounts?\b"
    rf"|(?:in|from|per) (?:the |a |an |his |her |my |most )?(?:\w+ )?(?:{_TEXTS})\b"
    r"|(?:is|are) (?:said|reported|alleged|rumou?red|claimed|believed) to (?:have|show|be|carry|present)\b"
    rf"|(?:{_BOOKS}) (?:shows?|showed|contains?|depicts?|displays?|gives?|illustrates?|has)\b"
    r"|the (?:words|strings|keywords|tokens)\b)",
)
_ENDORSED = re.compile(r"\bas (?:\w+ ){0,4}$")  # "as the referring doctor notes, "
_BY_SOURCE = re.compile(
    rf"\b(?:is|are|occurs?|appears?|exists?)(?: only)? in (?:the |my |a |most )?(?:\w+ )?"
    rf"(?:{_TEXTS}|data|datasets?|database|corpus)\b"
    rf"|\b(?:described|reported|mentioned|noted|documented|recorded|listed|named|claimed|suspected) (?:in|by|on) "
    rf"(?:the |a |an |his |her |another |my |most )?(?:[\w-]+ )?(?:{_PEOPLE}|{_TEXTS})\b",
)
_PATIENT = re.compile(r"\b(?:he|she|they|patients?|mothers?|fathers?|parents?)\b")
# What is so in general, of other people, or was so once.
_ELSEWHERE = re.compile(
    r"(?<!as in )(?<!as )(?<!like )\b(?:most|many|typical|usual|classical|such|affected|all) (?:patients|cases|people|"
    r"persons)\b"
    rf"|\b(?:on|of|in|at) (?:his|her|their|my|the patient's|a|the) {_KIN}\b|\b{_KIN} (?:has|have|had|shows?)\b"
    rf"|^\W*(?:(?:\w+ ){{1,4}}ago|(?:\w+ )?earlier|previously|formerly|once|in the past|last (?:year|month|week|\w+day)|"
    rf"as a child|"
    rf"in childhood|at (?:the |his |her )?(?:first|last|previous|prior) visit|before (?:the )?(?:treatment|therapy|biopsy|"
    rf"surgery)|"
    rf"initially|originally)\b,? ?(?:there |it |this |he |she |the \w+ )?{_BEING}\b"
    r"|^\W*had (?:it|there|this)\b|\bopposite of\b",
)
_HISTORY = re.compile(r"\W*(?:past |known )?(?:history|memory|record) of\b")
# "When scale and a plaque coexist, ..."; but "when the plaque is stretched, ...".
_WHEN = re.compile(
    r"^\W*(?:when|whenever|wherever)\b(?:(?!\b(?:the|this|its|his|her|i|we|you)\b)[^;])*?\b(?:is|are|was|were|exist|"
    r"coexist|meet|"
    r"occur|appear|come|combine|concur|have|show)\b[^,]{0,60},",
)
_RULE = re.compile(
    r"^\W*(?:usually|typically|normally|commonly|generally|often|as a rule)\b,? (?:there|one|you)\b(?![^;]*\b(?:here|"
    r"this)\b)|"
    r"\bwill (?:\w+ )?(?:appear|develop|form|follow|emerge|arise|occur)\b|"
    r"\b(?:in general(?! practice)|generally speaking|as a rule|by definition|in theory|in principle|on average)\b"
)
# "Scale is the usual sign of this disease."
_OF_THIS = re.compile(
    r"\b(?:is|are|makes? up|forms?)\b[^,;:]{0,60}\b(?:of|in|for) this (?:disease|condition|disorder|entity|illness)\b"
)
_DEFINITE = re.compile(r"\b(?:the|this|these|those|here|seen|visible|his|her|its|it|i|we|our)\b")
# The writer's own words again, and the writer's consent.
_OWN = re.compile(
    r"(?:, | \u2013 | \u2014 )(?:and )?(?:there (?:is|are)\b|it (?:shows|has|is)\b|(?:here|this|the|its) [^,]*?"
    r"\b(?:shows?|has|have|is|are)\b)"
    r"|\b(?:i|we) (?:do |can |also |now |myself )?(?:see|find|note|observe|recogni[sz]e|notice)\b|\b(?:now|today|"
    r"currently)\b",
)
_CONSENT = re.compile(
    r"\b(?:(?:i|we) (?:can |do |also |fully )?(?:agree|concur|confirm)|rightly|correctly|as (?:i|we) (?:see|find)|"
    r"confirmed (?:here|on|by (?:the|this)))\b",
)
_SAYERS = frozenset(
    "doctor doctors physician physicians clinician clinicians practitioner practitioners gp dermatologist "
    "dermatologists oncologist oncologists surgeon surgeons observer observers reader readers rater raters "
    "pathologist pathologists nurse nurses colleague colleagues teacher teachers student students resident residents "
    "expert experts author authors someone somebody he she they people mother mothers father fathers parent parents "
    "wife husband relative relatives patient patients referrer annotator annotators ai model records notes title "
    "filename metadata task prompt instruction instructions report reports letter chart caption label legend visit "
    "visits".split()
)
_SAYING = frozenset(
    "say says said mentions mention mentioned describes describe described claims claim claimed reports report "
    "reported lists list listed notes note noted records record recorded states state stated writes write wrote "
    "thinks think thought believes believe believed tells tell told speaks spoke saw sees asks ask documents document "
    "documented suspects suspect suspected teach teaches expects expect assures insists swears see find".split()
)
_TELLTALE = frozenset(
    "according account accounts textbook textbooks book books literature guideline guidelines atlas paper papers "
    "article articles studies referral letter chart charts caption label legend internet wikipedia alleged rumored "
    "rumoured believed claimed reported training dataset datasets database corpus strings keywords tokens words "
    "photograph biopsy report prompt task filename metadata former prior previous older year month week "
    "spring summer autumn winter yesterday".split()
)
_OTHERS = frozenset(
    "most many usual classical such affected patients cases people brother brothers sister sisters mother father wife "
    "husband son sons daughter cousin uncle aunt neighbor neighbour friend parents siblings twin dog cat ago earlier "
    "previously formerly once past last child childhood visit treatment therapy biopsy surgery initially originally "
    "had opposite history memory record".split()
)
_WHENS = frozenset(("when", "whenever", "wherever"))
_RULES = frozenset(
    "usually typically normally commonly generally often will general rule definition theory principle average".split()
)
_ILLNESSES = frozenset(("disease", "condition", "disorder", "entity", "illness"))
WORDS = _ILLNESSES | _SAYERS | _SAYING | _TELLTALE | _OTHERS | _WHENS | _RULES
"""Each cue has one of these words; what somebody says has one for who, and one for that he says it."""


def not_of_here(clause: str, words: Collection[str]) -> list[tuple[int, int, bool]]:
    """Stretches of a clause, in lower case and without a turn, not said of this lesion; and whether the patient says it.

    First and last character; the patient knows best what itches and hurts. `words` are those of `WORDS` in it.
    """
    found: list[tuple[int, int, bool]] = []
    if not (_SAYERS.isdisjoint(words) or _SAYING.isdisjoint(words)) or not _TELLTALE.isdisjoint(words):
        for cue in _SOURCE.finditer(clause):
            if not _ENDORSED.search(clause, 0, cue.start()):
                found.append((cue.end(), _until_own(clause, cue.end()), _PATIENT.search(cue[0]) is not None))
        found += ((0, cue.start(), _PATIENT.search(cue[0]) is not None) for cue in _BY_SOURCE.finditer(clause))
    if not _OTHERS.isdisjoint(words):
        found += ((cue.start(), _until_own(clause, cue.end()), False) for cue in _ELSEWHERE.finditer(clause))
        if history := _HISTORY.match(clause):
            found.append((0, _until_own(clause, history.end()), True))
    if not _WHENS.isdisjoint(words) and (when := _WHEN.match(clause)):
        found.append((0, when.end(), False))
    rule = _RULE.search(clause) if not _RULES.isdisjoint(words) else None
    if rule is None and not _ILLNESSES.isdisjoint(words) and " this " in clause:
        rule = _OF_THIS.search(clause)
    if rule is not None and not _DEFINITE.search(clause, 0, rule.start()):
        found.append((0, len(clause), False))
    return found if found and not _CONSENT.search(clause) else []


def _until_own(clause: str, start: int) -> int:
    """Where the writer's own words begin again."""
    own = _OWN.search(clause, start)
    return own.start() if own else len(clause)
