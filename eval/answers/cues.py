"""The words around a diagnosis that say how firmly a text stands by it. `eval.answers.names` reads with them."""

import re

TURN = re.compile(
    r"\b(?:but|however|although|though|while|whereas|yet|instead|nevertheless|so|because|since|given|due to|"
    r"based on)\b|[,()]",
    re.IGNORECASE,
)
FINAL = re.compile(
    r"\b(?:final(?:ly)?|in conclusion|to conclude|concluding|overall|therefore|thus|hence|on reflection|"
    r"(?:on )?clos(?:er|e)|on second|looking again|revis\w+|re-?consider\w*|chang\w+ my mind|actually|"
    r"settle\w* on|bottom line|in summary|correct\w* (?:diagnosis|answer)|go(?:ing)? with|commit\w* to)\b",
    re.IGNORECASE,
)
CONCLUDED = re.compile(
    r"\b(?:diagnosis (?:\w+ )?(?:is|would be|of)|(?:this|it|that|lesion|rash|eruption|condition|picture|answer|"
    r"impression|these|they|patches|papules|plaques|findings?|disease)(?:'s| is| are| represents?| represent|"
    r" depicts?| has to be| must be)|(?:patient|person|child|he|she|you) (?:has|have)|you have|i (?:would |"
    r"'d )?(?:call|diagnose|say|conclude|choose|pick)|known as|diagnos(?:ed|able|tic) (?:as|of)|confirm\w*|"
    r"pathognomonic (?:of|for)|case of|makes? this|here is)\b(?: \w+){0,5}\W*$",
    re.IGNORECASE,
)
LIKELY = re.compile(
    r"(?:[=\u21d2\u2192]|[-=]>)\s*$|\b(?:worrying|worrisome|th(?:at|ose) of|suggest\w*|consistent|compatible|"
    r"favou?r\w*|keeping|likel(?:y|iest)|probabl[ey]|suspect\w*|suspicio\w+|concern\w*|indicat\w+|points? to\w*|"
    r"pointing|characteristic|typical|classic(?:al)?|guess|look(?:s|ed)? (?:\w+ )?like|appears?|seems?|hypothesis|"
    r"represent\w*|in line with|think|believe|most (?:\w+ )?(?:resembl|like)\w*|evidence of|signs? of|diagnos\w+|"
    r"impression|presum\w+|fits?|match\w*|support\w*|features? of|due to|caused by|lean\w*)\b(?: [\w'-]+){0,7}\W*$",
    re.IGNORECASE,
)
POSSIBLE = re.compile(
    r"\b(?:could|may|might|possib(?:le|ly)|perhaps|maybe|potential(?:ly)?|wonder\w*)\b(?: [\w'-]+){0,7}\W*$",
    re.IGNORECASE,
)
SEEN_IN = re.compile(r"\b(?:seen|found|common) in\s+(?:(?:cases?|patients?|people) (?:of|with) )?$", re.IGNORECASE)
CAUSE = re.compile(
    r"\b(?:caused|induced|triggered|produced) by\s|\bassociated with\s|\b(?:due to|because of)\s", re.IGNORECASE
)
LISTED = re.compile(
    r"\b(?:exclude|rule out|ruling out|consider(?:ed|ations?|ing)?|differentials?|includ\w+|such as|possibilit\w+|"
    r"alternativ\w*|e\.?g|for example|rang\w+|options?|causes|others?|versus|vs|between|among|either|whether|if|"
    r"also|distant second|conditions like|conditions|worried about|kept in mind|keep in mind|"
    r"second(?:ly)?)\b(?: [\w'-]+){0,8}\W*$",
    re.IGNORECASE,
)
# A name after one of these is not said of this lesion.
CONSIDERED = re.compile(r"\b(?:i|we)(?: would|'d)?(?: \w+ly)? consider\s+(?:(?:an?|the) )?$", re.IGNORECASE)
ELSEWHERE = re.compile(
    r"\b(?:histor(?:y|ies) of|prior|previous(?:ly)?|family|mother|father|brother|sister|relative\w*|risk (?:of|"
    r"for|factors? for)|screen\w* (?:for)?|mimic\w*(?: of)?|resembl\w+|similar to|unlike|compar\w+ (?:to|with)|"
    r"differ\w* from|distinguish\w*|differentiat\w+|ruled? out|mistak\w+ for|mistaken for|confused with|"
    r"misdiagnosed as|(?:progress|evol|transform|develop|turn)\w* (?:in)?to|precursor\w*(?: lesion)? (?:to|of)|"
    r"contrast to|contrary to|oppos\w+ to|(?:rather|other|less|more(?: \w+)*) than|instead of|over|worse than|"
    r"than|type of|form of|kind of|subtype of|variant of|first (?:thought|glance|impression)(?: \w+)*|"
    r"initial\w*(?: \w+)*|going to say|tempt\w*|in (?:the case of )?|for|look for signs of|rule for|pattern of|"
    r"stigmata of|would be (?:seen|expected|typical) (?:in|for|of)|absence of|exclude[sd]?|against|secondary to|"
    r"common (?:in|with)|excludes|argues? against|treat\w* (?:of|for|as)?|clinic(?:al)? trial\w*)\s*(?:(?:an?|the|"
    r"any|early|frank|true|classic|typical|possible|most|some|other|with|of) )*\W*$",
    re.IGNORECASE,
)
FIRST_THOUGHT = re.compile(
    r"\b(?:initial\w*|(?:i|we) first|one might|at first|first (?:thought|glance|impression|sight)|was going to|"
    r"originally|previously|i considered|i had thought|prelim\w+|tempting)\b",
    re.IGNORECASE,
)
SOUGHT = re.compile(
    r"\b(?:look\w*|check\w*|watch\w*|search\w*|screen\w*|examin\w*|assess\w*|monitor\w*|evaluat\w*|test\w*|"
    r"worried|biops\w+) (?:for|about)\b",
    re.IGNORECASE,
)
STILL = re.compile(
    r"\b(?:diagnos\w+|suspicio\w+|concern\w*|worrying|worrisome|alarming|suspected|give-?away|clue|evidence|"
    r"signs?|features?|case|(?:characteristic|typical|classic\w*|hallmark)(?: \w+){0,2}|pathognomonic|criteria|"
    r"candidate|hallmark|positive|indicative|suggestive|consistent|favou?r|presentation|picture|appearance|"
    r"pattern) (?:for|of|in)\s+(?:(?:an?|the|early|frank|some|classic|typical) )*\W*$",
    re.IGNORECASE,
)
# A name before one of these is not said of this lesion, or not alone.
AFTER = re.compile(
    r"^[^.;,]{0,30}\b(?:at first|initially|originally|to begin with)\b|"
    r"^[\"'*)]*(?:\s\([^()]{0,30}\))?(?:,(?=\s*(?:is|are|was|less|unlikely|ruled|excluded)))?\s*(?:(?:is|are|was|"
    r"were|seems?|appears?|would be|remains?|looks?|has been|can be|could be|should be|must be|"
    r"needs? to be)\s+(?:\w+ly\s+|very\s+|much\s+|also\s+|a\s+|the\s+|quite\s+|main\s+|key\s+|chief\s+|only\s+|"
    r"best\s+(?=alternative))*)?(?:(?:my |the |an? )?(?:first (?:thought|impression|guess|idea)|initial|original|"
    r"second|third)\b|less\b|unlikely|ruled out|excluded|improbable|not\b(?! only)|never\b|considered|"
    r"kept in mind|mimic\w*|risks?\b|screening|can be excluded|main differential|differential|distant|alternative|"
    r"look-?alike|specialist|clinic\b|typically|usually|would\b|often|tend|generally|rarely|lacks?\b|"
    r"as a (?:distant|second|differential)|is a (?:common|chronic|type|benign|malignant|skin|form)|are (?:common|"
    r"benign|caused)|does not|do not|doesn't|don't|differ|argues|awareness)",
    re.IGNORECASE,
)
IS = re.compile(
    r"\b(?:is|are)\s+(?:(?:an?|the|probably|clearly|just|simply|most|likely|typical|classic|early|small|multiple|"
    r"single) )*$",
    re.IGNORECASE,
)
# A name that a sentence goes on to describe: "Milia are whiter", "herpes zoster wouldn't persist".
SUBJECT = re.compile(
    r"^(?:\s\([^()]{0,30}\))?\s+(?:(?:is|are|was|were|has|have|shows?|presents?|would|wouldn't|isn't|aren't|"
    r"doesn't|lacks?|tends?)\b(?!\s+(?:\w+ly\s+)?(?:seen|present|visible|shown|suspected|evident|suggested|"
    r"indicated|noted|depicted|been|to be|my|what|the (?:diagnosis|most likely|likeliest|best|leading|answer|"
    r"correct|top|primary|main|final|favou?red|working|condition|one))\b))",
    re.IGNORECASE,
)
OPEN_AFTER = re.compile(
    r"^[\"'*)]*\s*(?:can ?not|can't|could not|couldn't|has to|must|should|needs? to|"
    r"to)\s+(?:\w+ly\s+)?be\s+(?:\w+ly\s+)?(?:excluded|ruled out|considered|kept|entirely|dismissed|discounted)",
    re.IGNORECASE,
)
UP_AFTER = re.compile(
    r"^[\"'*)]*(?:\s\([^()]{0,30}\))?,?\s*(?:it is\b|is what i|(?:(?:which |that )?(?:is|would be) |has to be |"
    r"must be |are |would still be |remains |seems |appears |being |as )?(?:(?:the|my|therefore|thus|clearly|"
    r"by far|strongly|an?|overall|also) )*(?:most |more |very |highly )?(?:likel(?:y|iest)|best|better|favou?red|"
    r"probable|leading|top|at the top|first\b(?! (?:thought|impression|guess|idea))|preferred|confirmed|"
    r"front-?runner|working|final|correct|diagnos\w+|supported|fits|explains|first choice|number one|plausible))",
    re.IGNORECASE,
)
JOIN = re.compile(
    r"\s*(?:,\s*)?(?:(?:or|and|vs\.?|versus|/|and/or|as well as|plus|&|oder|und|ou|et|o|y|e|with (?:concurrent|"
    r"coexisting)|[()])\s*)+(?:(?:an?|the|possibly|early|maybe|even|it could be|it may be|perhaps) )*",
    re.IGNORECASE,
)
OR = re.compile(r"\b(?:or|vs|versus|oder|ou|o|maybe|perhaps)\b|/", re.IGNORECASE)
# What `skin_r1.stances` takes for a denial of the name: "X and not Y", "without any trauma favour X".
NOT_THE_NEXT = re.compile(r"^,?\s*(?:(?:and|but)\s+)?(?:not|no|rather|instead)\b", re.IGNORECASE)
SPEAKS_FOR = re.compile(
    r"\b(?:without|lack\w*|absen\w+)\b(?!.*\b(?:no|not|nor|nothing|none|never)\b).* (?:favou?rs?|suggests?|"
    r"indicates?|points? to|confirms?|means|supports?|fits?) (?:(?:an?|the) )?$|\bno \w+(?: \w+)? (?:means|"
    r"makes (?:it|this)) (?:(?:an?|the) )?$",
    re.IGNORECASE | re.DOTALL,
)
SUFFIX = re.compile(
    r"^(?:[-\u2010](?!\s)\w|[ -](?:like|mimic\w*|simulat\w*|related|associated|induced|prone|risk\w*|patients?|"
    r"screening|specialist|clinic|detection|awareness|research|treatments?|therap\w+|management|medications?|"
    r"creams?|organi[sz]ation|foundation|society)\b)",
    re.IGNORECASE,
)
PREFIX = re.compile(
    r"(?:\b(?:pseudo|non|anti|post|pre|peri|para)-|[a-z]-|-(?:like|mimicking|simulating) )$", re.IGNORECASE
)
ADJECTIVE = re.compile(
    r"\b(?:early|late|mid|small|large|thin|thick|old|new|well|plaque|clear|semi|sub)-$", re.IGNORECASE
)
# "Athlete's foot" is one name; the words keep their places.
OWNER = re.compile(
    r"(?<=[a-z])(?<!\bit)(?<!\bthat)(?<!\bhere)(?<!\bthere)(?<!\bwhat)(?<!\bhe)'s(?= [a-z])", re.IGNORECASE
)
REPLY = re.compile(r"(?:^|(?<=[.!?] ))(?:no|nope|yes|yeah),", re.IGNORECASE | re.MULTILINE)  # "No, a blue nevus."
OPTION = re.compile(r"\([A-Ha-h1-9]\)")
OTHER_TONGUE = re.compile(
    r"\b(?:kein\w*|nicht|ohne|pas|aucune?|sin|ning[u\u00fa]n\w*|nessun\w*|senza|sem|nenhum\w*|geen|zonder|niet|"
    r"ingen|inte|ikke|n[a\u00e3]o|ausschlie\w+|descartar|exclure|escludere|excluir)\b",
    re.IGNORECASE,
)
FOREIGN = re.compile(
    r"\b(?:es|ist|eine?|einen|der|das|und|sein|k\u00f6nnte|une?|le|les|el|los|las|que|puede|peut|est|uma|una|il|"
    r"pu\u00f2|para|pode|ser|della|het|een|cette|cela|esta|isso|questo)\b",
    re.IGNORECASE,
)
OWN_NO = re.compile(r"\b(?:not|no|nor|neither|never|without|isn't|\w*n't)\b", re.IGNORECASE)
ALTERNATIVE = re.compile(r"\b(?:or|vs\.?|versus|and/or)\s+(?:(?:an?|the|even|possibly|early) )*$", re.IGNORECASE)
