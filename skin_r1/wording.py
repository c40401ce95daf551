"""How words are compared: one normal form for names of diagnoses and concepts, and the reader of our tables."""

import csv
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

KNOWLEDGE = Path(__file__).parent / "knowledge"

# Words spelled in several ways, compared after accents, possessives and case are gone. Left: as met; right: as kept.
_SPELLINGS = {
    "naevus": "nevus", "naevi": "nevus", "nevi": "nevus", "naevoid": "nevoid", "tumour": "tumor", "colour": "color",
    "coloured": "colored", "colours": "color", "grey": "gray", "seborrhoeic": "seborrheic",
    "seborrheoic": "seborrheic", "haemangioma": "hemangioma", "haemangiomata": "hemangioma",
    "hemangiomata": "hemangioma", "angiomata": "angioma", "haemorrhage": "hemorrhage",
    "haemorrhagic": "hemorrhagic", "haematoma": "hematoma", "oedema": "edema", "sebaceus": "sebaceous",
    "morphoeic": "morpheic", "leucoderma": "leukoderma", "leucoplakia": "leukoplakia",
    "erythematosis": "erythematosus", "keratoses": "keratosis", "dermatoses": "dermatosis", "mycoses": "mycosis",
    "telangiectases": "telangiectasia", "telangiectasis": "telangiectasia", "metastases": "metastasis",
    "comedones": "comedo", "comedone": "comedo", "bullae": "bulla", "papillae": "papilla", "maculae": "macula",
    "verrucae": "verruca", "condylomata": "condyloma", "acuminata": "acuminatum", "lentigines": "lentigo",
    "sarcomata": "sarcoma", "localised": "localized", "generalised": "generalized", "dyskeratoses": "dyskeratosis",
    "amyloidoses": "amyloidosis", "vasculitides": "vasculitis", "cicatrices": "cicatrix",
    "centre": "center", "fibre": "fiber",
    # Misspellings met in public class lists. One that is not listed here names nothing.
    "pruritis": "pruritus", "excema": "eczema", "exzema": "eczema", "psoriosis": "psoriasis", "psorasis": "psoriasis",
    "melonoma": "melanoma", "carcinom": "carcinoma", "seborrhic": "seborrheic", "seborrehic": "seborrheic",
    "sebhorrheic": "seborrheic", "dermititis": "dermatitis",
    "dermatitus": "dermatitis", "impitigo": "impetigo", "rosacia": "rosacea", "alopicia": "alopecia",
    "molluscom": "molluscum", "mulluscum": "molluscum", "squamos": "squamous", "squamus": "squamous",
    "centrifigum": "centrifugum", "cutaneceous": "cutaneous", "keretosis": "keratosis", "psoraisis": "psoriasis",
    "vascultis": "vasculitis", "urticara": "urticaria", "hemmorrhage": "hemorrhage",
    "ichtyosis": "ichthyosis", "ichthiosis": "ichthyosis", "syphillis": "syphilis", "scabis": "scabies",
    "folliculites": "folliculitis",
    # Shorthand of code lists: "Malig neop skin, unsp".
    "malig": "malignant", "malignt": "malignant", "neop": "neoplasm", "neopl": "neoplasm", "unsp": "unspecified",
    "unspec": "unspecified", "unspcfd": "unspecified", "unspecfd": "unspecified", "oth": "other", "subcu": "subcutaneous",
    "carcnma": "carcinoma", "sqam": "squamous", "squam": "squamous",
}  # fmt: skip
# Words that say where or how sure, not what: dropping them leaves the same diagnosis.
EMPTY = frozenset(
    "skin cutaneous nos unspecified disorder disease the a an of photo picture image case finding".split()
)
# Words that narrow a diagnosis without turning it into another one: dropping them leaves a broader node.
NARROWING = frozenset(
    "nodular superficial pigmented hypopigmented multiple solitary early advanced recurrent residual acute chronic "
    "localized generalized disseminated invasive microinvasive ulcerated inflamed infected irritated traumatized "
    "giant small large type variant lesion mild moderate severe familial hereditary idiopathic classic common "
    "well moderately poorly differentiated primary eruptive linear infantile childhood juvenile adult totalis "
    "universalis nonbullous pediatric adolescent persistent refractory recalcitrant extensive unilateral "
    "subungual genital acral oral palmar plantar truncal facial other specified level grade "
    "clark stage exacerbation flare overlapping bilateral left right upper lower region area part site".split()
)
SITES = frozenset(
    "face scalp lip ear nose trunk back hand foot finger nail eyelid leg arm neck nipple head cheek chin forehead temple "
    "eyebrow canthus auricle pinna helix nape chest abdomen flank groin buttock perineum umbilicus shoulder limb forearm "
    "elbow wrist thumb hip thigh knee calf shin ankle heel sole palm toe axilla extremity wall vulva penis scrotum".split()
)
# Parts of the body and looks: no diagnosis without a further word.
ANATOMY = frozenset(
    "white spot mast cell hair follicle oral mucosa sebaceous gland sweat connective tissue nail lip".split()
)
_DIGRAPHS = (
    ("haem", "hem"),
    ("oedem", "edem"),
    ("rrhoe", "rrhe"),
    ("leuco", "leuko"),
    ("paed", "ped"),
    ("aemi", "emi"),
)
_NOT_PLURAL = ("ss", "us", "is")
_KEPT_S = frozenset({"lids", "series", "herpes", "diabetes", "pubes"})


def _singular(word: str) -> str:
    word = _SPELLINGS.get(word, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(_NOT_PLURAL) and word not in _KEPT_S:
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > 5 else word[:-1]
    return _SPELLINGS.get(word, word)


@lru_cache(maxsize=1 << 17)
def canonical_word(word: str) -> str:
    """One word without accents, case, plural and spelling variants; what `normalize` does to each word."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    word = plain.casefold()
    for british, american in _DIGRAPHS:
        word = word.replace(british, american)
    return _singular(word)


_POSSESSIVE = re.compile(r"['’`´](s\b)?")
_WORDS = re.compile(r"[^\W_]+")


@lru_cache(maxsize=1 << 16)
def normalize(text: str) -> str:
    """The form in which names are compared: words only, lower case, singular, one spelling, single spaces."""
    return " ".join(map(canonical_word, _WORDS.findall(_POSSESSIVE.sub("", text))))


def read_tsv(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a tab-separated file of ours; lines that start with `#` are comments."""
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader((line for line in stream if not line.startswith("#")), delimiter="\t")


def many(cell: str) -> tuple[str, ...]:
    """The parts of a cell that holds several values joined by `|`."""
    return tuple(part.strip() for part in cell.split("|") if part.strip())
