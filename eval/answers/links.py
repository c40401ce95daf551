"""How names hang together, and words that seem to deny or to end what they do not; read by `eval.answers.names`."""

import re

JOIN = re.compile(
    r"\s*(?:,\s*)?(?:(?:or|and|vs?\.?|versus|/|and/or|as well as|plus|&|oder|und|ou|et|o|y|e|with (?:concurrent|"
    r"coexisting|superimposed|concomitant|coexistent|additional|overlapping)|\((?:19|20)\d\d\)|[()])\s*)+(?:(?:an?|"
    r"the|possibly|early|maybe|even|it could be|it may be|perhaps|well-differentiated|poorly differentiated|atypical|"
    r"invasive|true|frank|other|simple|some|another|cutaneous|benign|malignant|localised|localized|chronic|acute) )*",
    re.IGNORECASE,
)
# "Ringworm on the body (tinea corporis)"
ASIDE = re.compile(
    r",\s+(?:that is|i\.?e\.?|namely|more precisely|specifically|to be precise|in other words),?\s+(?:(?:an?|the)\s+)?|"
    r"[^.;:()]{0,40}\((?:(?:i\.?e\.?|aka|also known as|or|called|that is|medically),?\s*)?(?:(?:an?|the)\s+)?",
    re.IGNORECASE,
)
OR = re.compile(r"\b(?:or|vs?|versus|oder|ou|o|maybe|perhaps)\b|/", re.IGNORECASE)
SIGN_OF = re.compile(
    r" of (?:(?:oral|cutaneous|early|severe|chronic|acute|classic|typical|known|the|an?) )*", re.IGNORECASE
)
COLON = re.compile(r"(?:\S+\s+){3}\S+:\s+(?:(?:an?|the) )?$")
RULED_OUT = re.compile(
    r"\b(?:rul\w+ out|exclud\w+|against|unlikely|no (?:evidence|signs?|features|sign) of|negative for|absen\w+|"
    r"following)\b",
    re.IGNORECASE,
)
# What `skin_r1.stances` takes for a denial of the name: "X and not Y", "without any trauma favour X".
NOT_THE_NEXT = re.compile(r"^\)?,?\s*(?:(?:and|but)\s+)?(?:not|no|rather|instead)\b", re.IGNORECASE)
SPEAKS_FOR = re.compile(
    r"\b(?:without|lack\w*|absen\w+)\b(?!.*\b(?:no|not|nor|nothing|none|never)\b).* (?:favou?rs?|suggests?|"
    r"indicates?|points? to|confirms?|means|supports?|fits?) (?:(?:an?|the) )?$|\bno \w+(?: \w+)? (?:means|"
    r"makes (?:it|this)) (?:(?:an?|the) )?$",
    re.IGNORECASE | re.DOTALL,
)
SUFFIX = re.compile(
    r"^(?:[-\u2010](?!\s)\w|[ -](?:like|mimic(?!king \w)\w*|simulat\w*|(?:related|associated|induced)(?! (?:with|to|"
    r"by))|prone|risk\w*|patients?|screening|specialist|clinic|excision|removal|surgery|resection|detection|awareness|"
    r"research|treatments?|therap\w+|management|medications?|creams?|organi[sz]ation|foundation|society)\b)",
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
SHORT_WORD = re.compile(
    r"\b(?:vs?|e\.g|i\.e|cf|prob|susp|poss|incl|esp|approx)\.(?=,? )", re.IGNORECASE
)  # ends nothing
INSIDE = re.compile(r"(?<=\bhand),(?= foot)", re.IGNORECASE)  # the one name with a comma in it
OPTION = re.compile(r"\([A-Ha-h1-9]\)")
OTHER_TONGUE = re.compile(
    r"\b(?:kein\w*|nichts?|nada|rien|niente|nulla|ohne|pas|aucune?|sin|ning[u\u00fa]n\w*|nessun\w*|senza|sem|"
    r"nenhum\w*|geen|zonder|niet|"
    r"ingen|inte|ikke|n[a\u00e3]o|ausschlie\w+|descartar|exclure|escludere|excluir)\b",
    re.IGNORECASE,
)
FOREIGN = re.compile(
    r"\b(?:es|ist|eine?|einen|der|das|und|sein|k\u00f6nnte|une?|le|les|el|los|las|que|puede|peut|est|uma|una|il|"
    r"pu\u00f2|para|pode|ser|della|het|een|cette|cela|esta|isso|questo)\b",
    re.IGNORECASE,
)
TOLD_FROM = re.compile(r"\b(?:distinguish|differentiat|separat|tell)\w*\b[^.;]*\bfrom\s+(?:an? )?$", re.IGNORECASE)
MISTAKEN = re.compile(r"\b(?:mistak|confus|mistook)\w*\b", re.IGNORECASE)
FAVOURED = re.compile(r"\b(?:favou?r\w*|prefer\w*)(?: \w+){0,2}\s+$", re.IGNORECASE)
I_SAY = re.compile(r"^\s*(?:(?:so|then|and|but) )*(?:i|it|this|that|we)\b", re.IGNORECASE)
NOT_THIS = re.compile(
    r"(?:^|[.!?\n]\s*)not (?:[\w-]+ ){0,4}[\w-]+,\s+(?:(?:an?|just|but|rather|simply) )*$", re.IGNORECASE
)
ALL_SAID = re.compile(r"\W*(?:$|[.!;\n])")
SO_IS = re.compile(r"\b(?:and )?(?:so|as) (?:is|are|would be|might)\s+(?:an? )?$", re.IGNORECASE)
# Their "not" and "no" deny nothing.
IDIOM = re.compile(
    r"\b(?:more often than not|(?:like|likely) as not|no doubt|no question|not to worry|no worries|not surprisingly|"
    r"without (?:an?y? )?(?:doubt|question)|(?<=is )(?:no|nothing) more than(?= an? ))\b|\bpatch[- ]test[^.;]*",
    re.IGNORECASE,
)
# Signs with the name of a disease in them, or that the ontology files under one.
SIGN = re.compile(
    r"telangiectatic \w+|wickham'?s? striae|striae(?: of| de) wickham|excoriat\w+(?: \w+)?|herald patch(?:es)?|"
    r"shagreen patch(?:es)?|psoriatic nails?|gottron'?s? (?:papules|sign)|heliotrope(?: rash)?|malar (?:rash|"
    r"erythema)|sclerodactyly|exclamation\Wmark hairs?|mees'? lines|skin thickening|toph(?:i|us)|(?:nail )?pitting|"
    r"ash\W?leaf (?:spots?|macules?|patch(?:es)?)",
    re.IGNORECASE,
)
SIGN_BEFORE = re.compile(r"\bwickham'?s?\s+$", re.IGNORECASE)
SIGN_AFTER = re.compile(r"(?:'s)?\s+(?:sign|phenomenon|pits?)\b", re.IGNORECASE)  # "Darier's sign"
# Diseases that are named as findings more often than not.
MOSTLY_SIGN = re.compile(
    r"telangiectasias?|milia|calcinosis|freckles|(?:photo|sun |actinic )damage|solar elastosis|onycholysis|"
    r"(?:hair loss|alopecia)|(?:finger )?clubbing|livedo|ecchymos[ei]s|h(?:a)?ematomas?|secondary (?:bacterial "
    r")?infection|gangrene|varicose veins|(?:facial )?angiofibromas|neurofibromas|striae|leu[ck]onychia|koilonychia|"
    r"erythroderma|raynaud'?s?(?: phenomenon)?|koebner(?: phenomenon)?|caf\S au lait macules|calluses|lentigines|"
    r"impetigini[sz]\w+",
    re.IGNORECASE,
)
NOT_BUT = re.compile(
    r"\b(?:not|no)\b[^.:;]{0,30}:\s+(?:an? )?$", re.IGNORECASE
)  # "no, not a fungus: granuloma annulare"
KIND_AFTER = re.compile(
    r"\s*[,(-]\s*([a-z][\w-]+)(?: \([^()]{1,30}\))?(?:\s+(?:type|variant|subtype|pattern|form))?(?=\s*(?:[).,;:]|$))",
    re.IGNORECASE,
)
ABOVE = re.compile(r"\s*>{1,3}\s*")  # "lentigo maligna > solar lentigo"
ARROWED = re.compile(r"(?:[\u21d2\u2192]|[-=]>)\s*$")
QUERIED = re.compile(r"(?:^|[\s(,;:])\?\s?(?:[\w-]+\s)?$")  # "?BCC ?SCC"
OR_ELSE = re.compile(r"[\"'*)]*,?\s*(?:or|vs\.?|versus)\s(?!so\b|rather\b|at least\b)", re.IGNORECASE)
OWN_NO = re.compile(r"\b(?:not|no|nor|neither|never|without|isn't|\w*n't)\b", re.IGNORECASE)
ALTERNATIVE = re.compile(r"\b(?:or|vs\.?|versus|and/or)\s+(?:(?:an?|the|even|possibly|early) )*$", re.IGNORECASE)
