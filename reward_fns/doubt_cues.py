"""The words by which a sentence takes back, or leaves open, what it names: before the name, behind it, right beside it."""

import re

# What follows one of these in the same clause is doubted. The clause is read in lower case, which takes half the time.
BEFORE = re.compile(
    r"\b(?:(?<!incomplete )if(?! (?:one|you|we|i) looks?\b)|whether|perhaps|maybe|supposedly|hardly|barely|scarcely|"
    r"nobody|anything but|unable to|fail\w* to|(?:may|might|could) (?:\w+ )?(?:be|have|show|represent|see|notice|exist)|"
    r"cannot (?:confirm|say|tell|claim|resolve|capture|depict|verify|judge|assess)|"
    r"(?<!no )(?:false|untrue|wrong|lie|nonsense|mistake|error|myth|illusion|misconception|rumou?r|fallacy|fiction)"
    r"(?::| that| to (?:say|claim|report))|imagine|suppose|pretend|assume|presumably|"
    r"(?<!no )(?<!not )(?<!without )(?<!beyond )(?<!any )doubt(?:s|ed)? (?:that|whether|if|there|any|the)|"
    r"(?:unlikely|improbable|implausible|impossible|doubtful) that|"
    r"wish(?:es|ed)? (?:that |i |we |there |it |to |for )|hop(?:es?|ed|ing) (?:to|for|that)|would like to see|"
    r"n o(?: t)?|zero|nil|minus|sans|w/o|pas|sin|"
    r"(?:(?:an)?other|different|next|preceding) (?:patient|person|image|picture|photo|photograph|case)s?|"
    r"in (?:the )?textbooks?|vocabulary|"
    r"(?:chance|probability|odds|threat|definition) of|"
    r"(?:findings|signs|features|words) to (?:name|mention|list|write)|must (?:have|show|be (?:there|present|seen))|"
    r"(?:i|we) (?:was told|were told|have been told|heard|have heard|have read|read (?:of|about|that)|invent\w*)|"
    r"(?:flip|flipped|toss|tossed) a coin|a coin says|dice|at random|random guess|dream\w*|allegedly|reportedly|"
    r"purportedly|ostensibly|theoretically|hypothetically|"
    r"in (?:my|a|the|this) (?:story|dream|novel|imagination|mind|fantasy|film|movie|poem|song|game|joke|fiction)|"
    r"you (?:asked|want|wanted|expect|expected|said|told|listed|mention\w*)|"
    r"(?:asked|told|supposed) (?:to|that)|it is said|i guess|i will say|answer with|expects|(?<!a )little|n0|"
    r"impossible to (?!miss|overlook)\w+|far from (?!the |his |her |its )|fears?|afraid of|"
    r"instead of|(?:wonder\w*|speculat\w+|mus(?:es?|ed|ing)) (?:about|on|over)|"
    r"unlike (?:\w+ ){0,2}(?:pictures|images|photos|photographs|cases|patients|lesions) (?:with|of|that|showing))\b"
    r"|\b(?:missing|absent|lacking|not (?:seen|there|present|assessed|applicable))\s*:|\[ \]"
    r"|^\W*(?:(?:improbable|unlikely|hypothetical)\s*:|(?:please )?(?:exclude|rule out|(?:check|look|watch|search) for)\b|"
    # "Were this psoriasis, scale would", "for scale I looked in vain".
    r"(?:were|had) (?:it|this|these|there)\b|for\b(?=[^;]*\bin vain\b)|"
    r"(?:typical|characteristic|classic) (?:of|for|in)\b[^,]*\b(?:is|are)\b)"
    r"|[\u0250-\u02af\u0370-\u1dbf\u2e80-\ud7ff\uf900-\ufaff]",  # letters of another script, and small capitals
)
# What stands before one of these in the same clause is doubted.
AFTER = re.compile(
    r"\b(?:doubtful|questionable|(?:is|are|remains?) (?:unclear|uncertain|open)|no trace|not there|not the case|nowhere|"
    r"(?:may|might|could) be (?:present|there|seen|visible)|made up(?! of)|a guess|takes imagination|"
    r"(?:do(?:es)?|did) not (?:show(?! \w)|show (?:here|up|at all)|exist|occur|apply|materiali[sz]e)|"
    r"far from (?:being )?(?:present|seen|visible|there|obvious)|elude[sd]?|escape[sd]? (?:me|us|notice|detection|my|our)|"
    r"n o t|"
    r"(?:must|has to|have to) be (?:there|present)|(?:is|are|seems?|remains?) (?:very |quite )?(?:low|negligible|slim)|"
    r"none of (?:these|those|them|which|it|this|the above)(?: (?:signs|findings|three))? (?:appl(?:y|ies)|exists?|holds?|"
    r"(?:(?:is|are|was|"
    r"were) (?:\w+ly )?)?(?:seen|visible|present|found|there|here|true|real))|nothing (?:of (?:it|them|"
    r"these) )?(?:is left|remains)|"
    r"fails? to appear|(?:was|were) expected|"
    r"(?:is|are|has|have) (?:now |since )?(?:gone|healed|resolved|cleared|faded|vanished)|"
    r"(?:myth|illusion|misconception|rumou?r|fallacy|fiction)(?=\W*$)|"
    # "... are what I failed to find", "... just to be safe".
    r"(?:what|which|that) (?:i|we) (?:(?:fail|failed|tried|wanted|hoped?|wish|wished) to|could not|cannot|did not|"
    r"do not|never) (?:find|found|see|saw|detect(?:ed)?|spot(?:ted)?|observed?)(?=\W*$)|"
    r"just (?:to be (?:safe|sure)|in case|for (?:good measure|the (?:points?|reward|score)))(?=\W*$))\b"
    r"|[,(] ?(?:maybe|perhaps|possibly|or not|who knows|hard to (?:say|tell)|(?:i am )?not sure|unsure|if at all|yeah right|"
    r"i guess|i suppose|supposedly|allegedly|reportedly)\W*$"
    r"|[\u2610\u2612\u2715-\u2718\u274c\u274e\u26d4\U0001f44e\U0001f6ab]",  # crosses and empty boxes
)
CLOSE_BEFORE = re.compile(
    r"\b(?:possibl[ey]|potential(?:ly)?)(?: \w+){0,2}\W*$|"
    r"[\u2610\u2612\u2715-\u2718\u274c\u274e\u26d4\U0001f44e\U0001f6ab]\W*$",
    re.IGNORECASE,
)
# What these follow is doubted, and what is joined to it by "and": "ulcer and scale are unlikely". They must stand right after
# the names, or "scale is seen, so eczema is unlikely" would leave the scale open.
CLOSE_AFTER = re.compile(
    r"(?:(?:,(?: [\w/-]+){1,3}){0,8},? (?:and|or|&)(?: [\w/-]+){1,3}?)?"
    r"(?:\s*[:=]\s*(?:negative|false|nil|zero|n/a|unknown|unclear|not (?:assessed|applicable|done|tested|recorded)|"
    r"nope|nah|nada|never|pending|tb[acd]|undetermined|undecided|to be (?:confirmed|determined|verified|decided|checked))\b|"
    r" (?:may|might|could|can|will|would) (?:\w+ ){0,2}?(?:develop|emerge|arise|follow|form(?! an?\b)|"
    r"appear(?=\W*$| later| soon))\b|"
    r"[\"'`*]+\s*[:=]\s*[\"']?(?:no|none|null|absent|missing|false|negative|0)\b|"
    r"\s*[-\u2013:=]\s*[nx]\b(?![-/])|(?: (?:count|score|grade|severity|index|level))?\s*\)?\s*[:=]?\s*0(?![.,]?\d)|"
    r"\s*\([-\u2013\u2212]\)|-free\b|"
    r" if (?:one|i|we|you|it) (?:had|have|must|were|has)\b|"
    r" (?:is|are|was|were|seems?|looks?|appears?|remains?) (?:\w+ly |very |quite |rather |most )?"
    r"(?:unlikely|improbable|hypothetical|theoretical|not (?:assessed|applicable|tested|recorded))\b|"
    r" (?:(?:is|are|was|were|has|have|had) )?never (?:been )?"
    r"(?:occur|appear|seen|present|there|develop|exist|noted|found|observed)|"
    r" used to (?:be|occur|exist|appear)\b| do(?:es)? not apply\b| remains? to be (?:seen|shown|proven|confirmed)\b|"
    r" (?:is|are|exists?|occurs?)(?: \w+)? only in theory\b|"
    r" (?:was|were) (?:seen|there|present|visible|found|noted|observed) (?:(?:at|on|in) )?(?:the )?(?:last|previous|prior)\b|"
    r" (?:is|are|occurs?)(?: \w+)? in (?:half|most|some|many|few) of (?:all|such)\b)",
    re.IGNORECASE,
)
# Each cue but signs and other scripts has one of these words: a sentence without any is not searched.
WORDS = frozenset(
    "if whether perhaps maybe supposedly hardly barely scarcely nobody anything unable fail fails failed failing may "
    "might could cannot false untrue wrong lie nonsense mistake imagine suppose pretend assume zero 0 nil sans w pas "
    "sin patient person image picture photo case patients persons images pictures photos cases textbook textbooks "
    "vocabulary asked told supposed typical characteristic classic doubtful questionable unclear uncertain open trace "
    "not gone healed resolved cleared faded vanished possible possibly potential potentially negative n unknown guess "
    "say answer expects little n0 missing absent lacking nowhere made takes appear show expected presumably said free "
    "x never used unlikely improbable hypothetical theoretical theory impossible far fear fears afraid exclude rule "
    "check look watch search last previous prior half most some many few remain remains doubt doubts doubted "
    "implausible wish wishes wished hope hopes hoped hoping o elude eludes eluded escape escapes escaped none nothing "
    "null minus chance likelihood probability odds threat definition low negligible slim must heard read dreamed "
    "dreamt dream allegedly reportedly purportedly ostensibly theoretically hypothetically story novel imagination "
    "fantasy film movie poem song game joke fiction you sure unsure hard yeah knows flip flipped coin toss tossed "
    "dice random name mention list write error myth illusion misconception rumor rumour fallacy fiction "
    "instead wonder wonders wondered wondering speculate speculates speculated speculating muse muses mused musing "
    "unlike were had vain tried wanted just nope nah nada pending "
    "tba tbc tbd undetermined undecided confirmed determined verified decided checked".split()
)
