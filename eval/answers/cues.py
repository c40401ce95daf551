"""The words around a diagnosis that say how firmly a text stands by it. `eval.answers.names` reads with them."""

import re

TURN = re.compile(
    r"\b(?:(?<!anything )but|however|although|though|while|whereas|yet|instead|nevertheless|so|because|since|given|"
    r"due to|"
    r"based on)\b|[,()]",
    re.IGNORECASE,
)
FINAL = re.compile(
    r"\b(?:final(?:ly)?|in conclusion|to conclude|concluding|overall|therefore|thus|hence|on reflection|"
    r"(?:on )?clos(?:er|e)|on second|looking again|revis\w+|re-?consider\w*|(?<!would )(?<!could )chang\w+ my (?:mind|"
    r"view|opinion|answer)|end(?:ed)? up with|actually|"
    r"settle\w* on|bottom line|in summary|correct\w* (?:diagnosis|answer)|go(?:ing)? with|commit\w* to)\b",
    re.IGNORECASE,
)
CONCLUDED = re.compile(
    r"\b(?:diagnosis (?:\w+ )?(?:is|would be|of)|(?:this|it|that|lesion|rash|eruption|condition|picture|answer|"
    r"impression|these|they|patches|papules|plaques|findings?|disease)(?:'s| is| are| represents?| represent| "
    r"depicts?| has to be| must be)|(?:patient|person|child|he|she|you|(?:wo)?man|boy|girl|baby|infant|lady|"
    r"gentleman) (?:has|have)|you have|i (?:would |'d )?(?:call|diagnose|say|conclude|choose|pick)|diagnos(?:ed|able|"
    r"tic) (?:as|of)|confirm\w*|pathognomonic (?:of|for)|case of|makes? (?:this|it)|here is|\b(?:dx|imp|diag)|"
    r"(?:correct|right|best|chosen|appropriate) (?:option|choice|answer) is|(?:regarded|treated|classified|labell?ed|"
    r"graded|read|handled|interpreted|known|referred to) as|(?:judged|deemed|considered|thought|felt|assessed|found) "
    r"to be)\b(?: \w+){0,5}\W*$",
    re.IGNORECASE,
)
LIKELY = re.compile(
    r"(?:[=\u21d2\u2192]|[-=]>)\s*$|\b(?:worrying|worrisome|th(?:at|ose) of|suggest\w*|consistent|compatible|"
    r"favou?r\w*|keeping|likel(?:y|iest)|probabl[ey]|suspect\w*|suspicio\w+|concern\w*|indicat\w+|points? to\w*|"
    r"pointing|characteristic|typical|classic(?:al)?|guess|look(?:s|ed)? (?:\w+ )?like|appears?|seems?|hypothesis|"
    r"represent\w*|in line with|think|believe|most (?:\w+ )?(?:resembl|like)\w*|evidence of|signs? of|diagnos\w+|"
    r"impression|presum\w+|fits?|match\w*|support\w*|features? of|due to|caused by|lean\w*|tip(?:s|ped)? (?:it|this|"
    r"\w+ balance)|(?:argu|sp[eo]ak|push|stand|opt|plead|vot|go|going|settl|plump)\w*(?: \w+ly)? (?:for|toward\w*)|"
    r"says?|spells?|means?|meaning|in favou?r of|swings?|steers?|nudges?|bets? on|best guess|money on|prov(?:e|es|"
    r"ing)|textbook|tell-?tale|hallmarks?|speaks? to|(?:add|sum|boil|come|bring|move|take|lead|get|leave|leaving|"
    r"narrow)\w*(?: [\w']+){0,3} (?:up |down )?(?:to|toward\w*|with)|scales? toward\w*|distinctive (?:for|of)|in "
    r"other words|(?:medical|proper|technical|everyday|lay) (?:name|term|word)|what (?:you|one|we|i)(?:'d| would)? "
    r"(?:\w+ )?(?:see|expect|find|get)s? (?:in|with))\b(?: [\w'-]+){0,7}\W*$",
    re.IGNORECASE,
)
POSSIBLE = re.compile(
    r"\b(?:could|may|might|possib(?:le|ly)|chance|perhaps|maybe|potential(?:ly)?|wonder\w*)\b(?: [\w'-]+){0,7}\W*$",
    re.IGNORECASE,
)
SEEN_IN = re.compile(r"\b(?:seen|found|common) in\s+(?:(?:cases?|patients?|people) (?:of|with) )?$", re.IGNORECASE)
CAUSE = re.compile(
    r"\b(?:caused|induced|triggered|produced) by\s|\bassociated with\s|\b(?:due to|because of)\s", re.IGNORECASE
)
LISTED = re.compile(
    r"\b(?:exclude|rule out|ruling out|consider(?:ed(?! (?:as|to be)\b)|ations?|ing)?(?! (?:the )?(?:most|likel|"
    r"best))|differentials?|includ\w+|such as|possibilit\w+|alternativ\w*|e\.?g|for example|rang\w+|(?<!correct "
    r")(?<!right )(?<!best )(?<!chosen )option|options|causes|others?|versus|vs|between(?! the\b)|among|either|"
    r"whether|if|also|distant second|conditions like|conditions|worried about|kept in mind|(?<!in )keep(?:ing)?|"
    r"bear(?:ing)?|in case|ddx?|d/d|runner-?up|second(?:ly)?)\b(?: [\w'-]+){0,8}\W*$",
    re.IGNORECASE,
)
# A name after one of these is not said of this lesion.
CONSIDERED = re.compile(
    r"\b(?:(?:i|we)(?: would|'d)?(?: \w+ly)? consider|(?:i'm|i am|we're|we are)(?: \w+)? (?:worried|concerned) "
    r"about)\s+(?:(?:an?|the) )?$",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"\b(?:histor(?:y|ies) of|prior|previous(?:ly)?|family|mother|father|brother|sister|relative\w*|risk (?:of|for|"
    r"factors? for)|screen\w* (?:for)?|mimic\w*(?: of)?|resembl\w+|similar to|unlike|compar\w+ (?:to|with)|differ\w* "
    r"from|distinguish\w*|differentiat\w+|ruled? out|mistak\w+ for|mistaken for|confused with|misdiagnosed as|"
    r"(?:progress|evol|transform|develop|turn)\w* (?:in)?to|precursor\w*(?: lesion)? (?:to|of)|help (?:you )?with|"
    r"status post|less(?: likely| probabl[ey])?|(?:background|top|years|months|weeks) of|after|(?:careful|wary|"
    r"cautious) (?:with|of|about)|superimposed on|contrast to|contrary to|oppos\w+ to|(?:rather|other|less|more(?: "
    r"\w+)*) than|instead of|over|worse than|than|ahead of|(?:pass|wav|brush)\w*(?: \w+)? (?:as|for)|type of|form of|"
    r"kind of|subtype of|variant of|first (?:thought|glance|impression)(?: \w+)*|initial\w*(?: \w+)*|going to say|"
    r"tempt\w*|in (?:the case of )?|for|look for signs of|rule for|pattern of|stigmata of|would be (?:seen|expected|"
    r"typical) (?:in|for|of)|absence of|exclude[sd]?|against|secondary to|(?:unlikely|improbable|implausible|"
    r"unconvincing)(?: to be| that (?:it|this) is)?|beats?|outranks?|trumps?|wins over|edges out|(?:dismiss|discount|"
    r"forget|ignor|overlook)\w*|(?<!no )(?<!without )(?<!little )doubt\w*(?: [\w']+){0,3}|common (?:in|with)|excludes|"
    r"argues? against|treat\w* (?:of|for)?|(?:was|were|been|being) (?:\w+ly )?treated as|clinic(?:al)? "
    r"trial\w*)\s*(?:(?:an?|the|any|early|frank|true|classic|typical|possible|most|some|other|with|of|pigmented|"
    r"nodular|simple|common|chronic|acute) )*\W*$",
    re.IGNORECASE,
)
FIRST_THOUGHT = re.compile(
    r"\b(?:initial\w*|(?:i|we) first|one might|at first|first (?:thought|glance|impression|sight|guess|instinct|idea|"
    r"hunch)|was going to|started (?:out|off)|about to|(?:like|love|want) to say|entertained|for a moment|"
    r"originally|previously|i considered|i had thought|prelim\w+(?! (?:diagnos|judg|assess|conclu|consider)\w+)|"
    r"tempting|"
    r"(?:was|were|am) (?:inclined|tempted)|my first (?!choice|pick|diagnosis|place)\w+|(?:was|were|had been) thinking|"
    r"(?:i|we) thought|(?:i|we)(?:'d| would) have|wanted to|used to)\b",
    re.IGNORECASE,
)
SOUGHT = re.compile(
    r"\b(?:look\w*|check\w*|watch\w*|search\w*|screen\w*|examin\w*|assess\w*|monitor\w*|evaluat\w*|test\w*|"
    r"worried|biops\w+) (?:for|about)\b",
    re.IGNORECASE,
)
STILL = re.compile(
    r"\b(?:diagnos\w+|suspicio\w+|concern\w*|worrying|worrisome|alarming|suspected|give-?away|clue|textbook|"
    r"tell-?tale|argu\w+|"
    r"(?:sp[eo]ak|push|stand|opt|plead|vot|go|going|settl)\w*(?: \w+ly)?|(?:fit|match|explanation|bet|case)|evidence|"
    r"signs?|features?|case|look|story|(?:characteristic|typical|classic\w*|hallmark)(?: \w+){0,2}|pathognomonic|criteria|"
    r"candidate|hallmark|positive|indicative|suggestive|consistent|favou?r|presentation|picture|appearance|"
    r"pattern) (?:for|of|in)\s+(?:(?:an?|the|early|frank|some|classic|typical) )*\W*$",
    re.IGNORECASE,
)
# A name before one of these is not said of this lesion, or not alone.
AFTER = re.compile(
    r"^\s*(?:[-\u2013\u2014:=(]|->)\s*(?:ruled out|excluded|unlikely|absent|no\s*(?:[.;,]|$)|not\b|negative|rejected|"
    r"discarded|dismissed|eliminated|wrong|incorrect|0(?:\.0+)?\b(?!\.)|false)|"
    r"^[^.;,]{0,30}\b(?:at first|initially|originally|to begin with)\b|"
    r"^[\"'*)]*(?:\s\([^()]{0,30}\))?(?:,(?=\s*(?:is|are|was|less(?! (?:likely|probable) \w)|unlikely|ruled|"
    r"excluded)))?\s*(?:(?:is|are|was|"
    r"were|seems?|appears?|would be|remains?|looks?|has been|can be|could be|should be|must be|"
    r"needs? to be)\s+(?:\w+ly\s+|very\s+|much\s+|also\s+|a\s+|the\s+|quite\s+|main\s+|key\s+|chief\s+|only\s+|"
    r"best\s+(?=alternative))*)?(?:(?:my |the |an? )?(?:first (?:thought|impression|guess|idea)|initial|original|"
    r"second|third)\b|less\b|unlikely|ruled out|excluded|improbable|not\b(?! only)|never\b|considered|"
    r"kept in mind|(?:usual |main |common |typical |classic |closest |known )?(?:mimics?\b|imitators?)|risks?\b|"
    r"screening|can be excluded|main differential|differential|distant|alternative|"
    r"look-?alike|specialist|clinic\b|typically|usually|would\b|often|tend|generally|rarely|lacks?\b|"
    r"as a (?:distant|second|differential)|is a (?:common|chronic|type|benign|malignant|skin|form)|are (?:common|"
    r"benign|caused)|does not|do not|doesn't|don't|differ|argues|awareness|wrong|incorrect|false|rejected|eliminated|"
    r"discarded|dismissed|(?:negative|absent|neg)\s*(?:[.;,]|$))",
    re.IGNORECASE,
)
IS = re.compile(
    r"(?<!there )\b(?:is|are)\s+(?:(?:an?|the|probably|clearly|just|simply|most|likely|typical|classic|early|small|multiple|"
    r"single) )*$",
    re.IGNORECASE,
)
# A name that a sentence goes on to describe: "Milia are whiter", "herpes zoster wouldn't persist".
SUBJECT = re.compile(
    r"^(?:\s\([^()]{0,30}\))?(?: (?:patch|plaqu|lesion|spot|papul|nodul|rash)\w*)?\s+(?:(?:is|are|was|were|has|have|"
    r"shows?|presents?|would|wouldn't|isn't|aren't|doesn't|lacks?|tends?|sits?|comes?(?! to mind| first| out)|occurs?|"
    r"recurs?|persists?|heals?|itches|burns|scales?|bleeds?|grows?|spreads?|spares?|affects?|involves?|starts?|"
    r"begins?|lasts?|leaves|causes|makes|needs?|requires?|often|usually|typically|also|(?:can|could|may|might|"
    r"will)(?! be (?:the|my|an? (?:good|likely)|responsible|what|seen|present|considered|diagnosed|suspected|"
    r"involved)\b)|gets)\b(?!\s+(?:\w+ly\s+)?(?:seen|present|visible|shown|suspected|evident|suggested|indicated|"
    r"noted|depicted|been|to be|my|what|the (?:diagnosis|most likely|likeliest|best|leading|answer|correct|top|"
    r"primary|main|final|favou?red|working|condition|one))\b))",
    re.IGNORECASE,
)
OPEN_AFTER = re.compile(
    r"^[\"'*)]*\s*(?:can ?not|can't|could not|couldn't|has to|must|should|needs? to|"
    r"to)\s+(?:\w+ly\s+)?be\s+(?:\w+ly\s+)?(?:excluded|ruled out|considered(?! first)|kept|entirely|dismissed|(?:on|"
    r"in) (?:the|my|any|your) (?:list|differential)|borne|"
    r"discounted)",
    re.IGNORECASE,
)
UP_AFTER = re.compile(
    r"^,? in my (?:opinion|view|judge?ment)|^,? is as good as (?:certain|sure|proven)|"
    r"^[\"'*)]*(?:\s\([^()]{0,30}\))?,?\s*(?:it is\b|is what i|(?:(?:which |that )?(?:is|would be) |has to be |must "
    r"be |are |would still be |remains |seems |appears |being |as )?(?:(?:the|my|therefore|thus|clearly|by far|"
    r"strongly|an?|overall|also) )*(?:much |far |considerably |somewhat )?(?:most |more |very |highly )?(?:likel(?:y|"
    r"iest|ier)|beats|wins|trumps|outranks|outweighs|edges out|best|better|favou?red|probable|leading|top|at the top|"
    r"first\b(?! (?:thought|impression|guess|idea))|preferred|confirmed|front-?runner|working|final|correct|"
    r"(?:(?<=the )|(?<=my )|(?<=final )|(?<=working )|(?<=likely )|(?<=a ))(?:\w+ )?diagnosis|diagnosed|supported|"
    r"fits|explains|first choice|(?:(?<=my )|(?<=the ))answer(?!\s+(?:is|was|would|must))|number one|plausible|"
    r"winner)|makes (?:the )?(?:more|most|better|best|perfect) sense|most\s*(?:[.;!]|$)|is (?:very |quite "
    r")?(?:(?:high|strong|great)\s*(?:[.;!]|$)|high (?:on|up))|(?:would be|is|makes|seems|looks) (?:(?:the|my|an?) "
    r")?(?:(?:much|far) )?(?:good|simpler|likelier|reasonable|sensible|fitting|perfect|natural|strong|obvious|"
    r"excellent|better|safest|neat) (?:explanation|fit|match|candidate|bet|choice|possibility|diagnosis|contender|"
    r"sense|label|option|answer)|(?:(?:needs|has|ought) to|should|must|can|may|is to) be considered first|(?:remains|"
    r"is left|wins|prevails|it is)\s*(?:[.;!]|$)|(?:moves? )?(?:to|at|on) (?:the )?(?:top|front)|ties|would be (?:the|"
    r"my|its) (?:\w+ )?(?:name|term|word|label|pick)|explains|accounts|(?:would|could|does) (?:\w+ly )?(?:explain|"
    r"account|fit|cover)|covers|unites|is what)",
    re.IGNORECASE,
)
# Soft ends of `ELSEWHERE`, and of `LISTED`: said of the lesion where no other diagnosis is named.
SOFT = re.compile(
    r"(?<!risk )(?<!factors )(?<!mistaken )(?<!confused )(?<!atypical )(?<!unusual )(?<!this )(?<!screening "
    r")(?<!tested )"
    r"\b(?:in|for|(?:type|form|kind|subtype|variant|pattern|stigmata|look) of|resembl\w+|similar to|common (?:in|with)|"
    r"secondary to)\s+(?:(?:an?|the|early|classic|typical|some|possible) )*$",
    re.IGNORECASE,
)
HINT = re.compile(r"\b(?:consider(?:ed|ation|ing)?|possibility|option)\b(?: [\w'-]+){0,6}\W*$", re.IGNORECASE)
HINT_AFTER = re.compile(
    r"^[\"'*)]*(?:\s\([^()]{0,30}\))?\s+(?:is|can be|could be|may be|might be|should be|must be)\s+(?:(?:first|"
    r"strongly|highly|"
    r"initially|"
    r"preliminarily|therefore|also)\s+)?(?:considered|suspected|thought of|entertained|worth (?:considering|a thought|"
    r"thinking of))\b",
    re.IGNORECASE,
)
FIRST_PLACE = re.compile(
    r"\b(?:(?:primarily|first(?:ly)?|foremost|mainly|above all)[:,]?|(?:top|primary|leading|main|chief|first|"
    r"strongest) (?:differential|candidate|consideration|contender|possibility|choice)(?: diagnosis)?(?: here)? (?:is|"
    r"would be|being|remains)|top of (?:the|my) (?:list|differential)(?: is|:| would be| comes| i have))\s+(?:an? )?$",
    re.IGNORECASE,
)
NEXT_PLACE = re.compile(
    r"\b(?:second(?:ly|arily)?|then|next|third(?:ly)?|followed by|(?:next|second|third) (?:best|likeliest|most likely|choice|"
    r"place))[:,]?\s+(?:an? )?$",
    re.IGNORECASE,
)
AND_FOR = re.compile(
    r",?\s*(?:and|but)\s+(?:for|favou?rs?|suggests?|supports?|points? to(?:wards?)?|towards?)\s+(?:an? )?",
    re.IGNORECASE,
)
ALSO = re.compile(
    r"\b(?:could|may|might) (?:also|just as well|equally) (?:be|represent|suggest)\s+(?:an? )?$", re.IGNORECASE
)
OF_DIAGNOSIS = re.compile(r"\bdiagnosis of\s+(?:an? )?$", re.IGNORECASE)
IF_PRESSED = re.compile(
    r"if (?:pressed|forced|asked|pushed|i (?:had|have) to|i must|i were to|anything)", re.IGNORECASE
)
ANSWERED = re.compile(
    r"[^.;!?\n]{0,20}\?\s*(?:yes|i think so|i believe so|i'd say so|probably|(?:very |most )?likely|indeed|absolutely|"
    r"definitely|certainly|fits|bingo|it fits)\b",
    re.IGNORECASE,
)
