"""One rationale's voice: its register and the wording of each of its sentences, all from its serial number."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from math import comb

import numpy as np

from skin_r1.distill.composer.code import FIELD, GRAM, digits, symbols
from skin_r1.distill.composer.trajectory import Sentence
from skin_r1.distill.composer.wordings import PLACES, Register, capital, spoken, wordings
from skin_r1.ontology import load_ontology

AGREE = 5  # places in which two serial numbers may choose the same wording
BOUND = 0.46  # largest share of the 8-grams that another rationale may have, reckoned from places alone
_OFFSET = 4  # wordings between two uses of one table


class Voice:
    """Says sentences; equal serial numbers say the same of the same."""

    def __init__(self, serial: int) -> None:
        """`serial`: in [0, `skin_r1.distill.composer.code.SERIALS`)."""
        own = digits(serial)
        self.symbols = symbols(own)
        self.register: Register = "plain" if (own[0] + own[2] + own[5]) % 2 else "clinical"
        self.order = own[1] * FIELD + own[3]
        self._uses: dict[str, int] = {}
        self._words = [0] * FIELD  # of each place so far
        self._placed: dict[str, tuple[int, int]] = {}  # text of a sentence -> its place and words
        self._texts = wordings()

    def wording(self, table: str) -> tuple[tuple[str, str], int]:
        """The next wording of a table, for one finding and for many, and its place."""
        use = self._uses.get(table, 0)
        self._uses[table] = use + 1
        places = PLACES[table]
        place = places[use % len(places)]
        return self._texts[table, self.register][(self.symbols[place] + _OFFSET * use) % FIELD], place

    def say(self, table: str, basis: Sequence[str] = (), **slots: str) -> Sentence:
        """A sentence about diagnoses; `slots` are texts, and each is also offered with a capital (`Dx`)."""
        (template, _), place = self.wording(table)
        return self._filled(template, place, slots, (), basis)

    def about(self, table: str, finding: str, basis: Sequence[str] = (), **slots: str) -> Sentence:
        """A sentence about a finding."""
        said = spoken()[finding]
        wording, place = self.wording(table)
        slots["f"], slots["b"] = said.phrase, said.noun
        return self._filled(wording[said.plural], place, slots, (finding,), basis)

    def _filled(
        self, template: str, place: int, slots: dict[str, str], findings: tuple[str, ...], basis: Sequence[str]
    ) -> Sentence:
        if template[0] == "{":  # only there does a slot begin a sentence
            slots |= {name.capitalize(): capital(text) for name, text in slots.items()}
        text = template.format_map(slots)
        words = text.count(" ") + 1
        self._words[place] += words
        self._placed[text] = place, words
        return Sentence(text, findings, tuple(basis))

    def padded(self, body: Sequence[Sentence], ending: Sequence[Sentence]) -> tuple[Sentence, ...]:
        """The sentences, with as many true remarks before the ending as it takes to keep near copies out."""
        out, end = list(body), list(ending)
        free = set(range(FIELD))
        while (
            free
            and sum(sorted(self._words)[-AGREE:]) > BOUND * sum(self._words)
            and self._shareable(out + end) > BOUND
        ):
            place = min(free, key=lambda each: (self._words[each], each))
            free.remove(place)
            template = self._texts["aside", self.register][(self.symbols[place] + _OFFSET * place) % FIELD][0]
            if all(template != each.text for each in out):
                out.append(self._filled(template, place, {}, (), ()))
        return (*out, *end)

    def _shareable(self, sentences: Sequence[Sentence]) -> float:
        """The largest share of its 8-grams that another rationale can have, by the places of its sentences.

        A shared sentence of w words brings w - 7 8-grams, and 7 more with each shared neighbor; the largest sum over all
        choices of five places.
        """
        brings = np.zeros(len(_PAIRS), np.float32)
        before, total = -1, 0
        for sentence in sentences:
            place, words = self._placed[sentence.text]
            total += words
            brings[_PAIRS[place, place]] += max(0, words - GRAM + 1)
            if before >= 0:
                brings[_PAIRS[before, place]] += GRAM - 1
            before = place
        return float((_choices() @ brings).max()) / max(1, total - GRAM + 1)

    def listed(self, findings: Sequence[str]) -> list[Sentence]:
        """Sentences that name all findings as seen, two at a time, the order turned by the serial number."""
        turn = self.order % len(findings)
        ranked = sorted(findings, key=_rank().__getitem__)
        ranked = ranked[turn:] + ranked[:turn]
        out: list[Sentence] = []
        for at in range(0, len(ranked), 2):
            chunk = ranked[at : at + 2]
            said = [spoken()[slug] for slug in chunk]
            text = said[0].glossed if self.register == "plain" else said[0].phrase
            if len(chunk) > 1:
                (joined, _), _ = self.wording("join")
                text += f"{joined}{said[1].phrase}"
            wording, place = self.wording("more" if out else "seen")
            out.append(self._filled(wording[said[0].plural], place, {"f": text}, tuple(chunk), ()))
        return out


_PAIRS = {pair: at for at, pair in enumerate((one, other) for one in range(FIELD) for other in range(FIELD))}


@cache
def _choices() -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """A row for each choice of five places: which pairs of places it holds, (1287, 169)."""
    out = np.zeros((comb(FIELD, AGREE), len(_PAIRS)), np.float32)
    for row, chosen in zip(out, combinations(range(FIELD), AGREE), strict=True):
        row[[_PAIRS[pair] for pair in product(chosen, chosen)]] = 1
    return out


@cache
def _rank() -> dict[str, int]:
    return {slug: at for at, slug in enumerate(spoken())}


@cache
def name(slug: str) -> str:
    """Preferred name of a diagnosis."""
    return load_ontology().name(slug)


@cache
def other_name(slug: str) -> str:
    """A diagnosis as it is spoken of beside the answer; a whole shelf is called a group ("the benign neoplasm group")."""
    node = load_ontology().nodes[slug]
    return f"the {node.name} group" if node.level in ("group", "family") else node.name
