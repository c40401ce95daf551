"""Phrases that turn a name down, weigh it against another, or tell what others think; read by `eval.answers.names`."""

import re

NOTHING = re.compile(
    r"\banything but\s(?:an? )?$|\b(?:nothing|nobody|no one|none|hardly|scarcely|barely|never|far from|inconsistent|"
    r"incompatible|atypical)\b"
    r"(?! (?:but|else|more|other|less|than))(?: [\w']+){0,6}\W*$",
    re.IGNORECASE,
)
# What others fear, ask, say or have had.
OTHERS = re.compile(
    r"\b(?:you|you're|patient|he|she)(?: are| is| were)? (?:concerned|worried|asking|wondering)(?: \w+){0,3}\s+$|"
    r"^\s*for (?:an?|any|every) (?:\w+ ){0,2}$|"
    r"(?<!i'm )(?<!i am )(?<!we're )\b(?:worr(?:y|ied|ies)|afraid|fears?|feared|asks?|asked|asking|wonder\w*|anxious|"
    r"pamphlet|leaflet|learn|information|article|read "
    r"more)\b(?: \w+){0,3} (?:about|that|if|whether|on)\b(?: \w+){0,4}\W*$|"
    r"\b(?:mother|father|brother|sister|son|daughter|aunt|uncle|grand\w+|wife|husband|partner|relatives?|parents?|"
    r"siblings?)\b"
    r"(?:'s)?(?: \w+){0,3} (?:had|has|have|with|got)\b(?: \w+){0,3}\W*$|"
    r"\b(?:doctor|gp|physician|colleagues?|someone|somebody|everyone|everybody|others|they|patient|pt|parents?|clinician|"
    r"dermatologist|pathologist|pharmacist|nurse|mum|mom|dad|user|assistant|chatbot|bot|model|ai|app|website|internet)\b(?: "
    r"\w+){0,2} (?:suspected|thought|says?|said|believed|labell?ed|called|wrote|feared|told|suggested|diagnosed|claim\w*|"
    r"assumed|call|think)\b(?: [\w']+){0,4}\W*$",
    re.IGNORECASE,
)
LESS_THAN = re.compile(
    r"\b(?:less|not as|nowhere near as) (?:likely|probable|plausible|convincing|fitting|typical|"
    r"compelling)[^.;,]{0,20} (?:than|as)"
    r"\s+(?:an? )?$",
    re.IGNORECASE,
)
WOULD_RAISE = re.compile(
    r"\bwould (?:change|raise|make me (?:worry|reconsider|change|suspicious)|prompt|signal|worry|alert|be a "
    r"sign)\b(?: [\w']+){0,6}\W*$",
    re.IGNORECASE,
)
OTHER_THAN = re.compile(
    r"\b(?:surprised|nothing|none|hard to (?:see|imagine|think))\b[^.;]* (?:other|else) than\s+(?:an? )?$",
    re.IGNORECASE,
)
IN_GENERAL = re.compile(
    r"\b(?:patients|people|individuals|those|persons|anyone|everyone) (?:with|who have|having|suffering from)\s+$|"
    r"\b(?:photos|pictures|images|photographs|examples) of\s+$",
    re.IGNORECASE,
)
LOW = re.compile(
    r"\b(?:low|little|insufficient|scant|weak|minimal|limited|poor|not enough|few)\b(?: [\w-]+){0,2} (?:suspicion|"
    r"evidence|"
    r"suggest\w*|support\w*|signs?|features|indications?|reasons?|likelihood|probability)\b(?: [\w']+){0,3}\s+$",
    re.IGNORECASE,
)
# "It would be premature to call this a melanoma."
UNCALLED = re.compile(
    r"\b(?:premature|wrong|mistake|incorrect|unwise|rash|too (?:early|soon|quick)|reluctant|hesita\w+|unable|not "
    r"(?:ready|"
    r"willing|prepared|comfortable|enough)|wouldn't|would not|refuse|can't|cannot|can not)\b(?: [\w']+){0,6} (?:call|"
    r"label|say|diagnos\w+|commit|conclude|name|jump|settle|support|justify|make)\b(?: [\w']+){0,6}\W*$",
    re.IGNORECASE,
)
