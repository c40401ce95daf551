"""One rationale's voice: its register and the wording of each of its sentences, all from its serial number."""

from collections.abc import Sequence
from functools import cache

from skin_r1.distill.code import FIELD, GRAM, digits, symbols
from skin_r1.distill.trajectory import Sentence
from skin_r1.distill.wordings import PLACES, Register, capital, spoken, wordings
from skin_r1.ontology import load_ontology

AGREE = 5  # places in which two serial numbers may choose the same wording
BOUND = 0.46  # largest share of the 8-grams that another rationale may have, reckoned from places alone
_OFFSET = 4  # wordings between two uses of one table


class Voice:
    """Says sentences; equal serial numbers say the same of the same."""

    def __init__(self, serial: int) -> None:
        """`serial`: in [0, `skin_r1.distill.code.SERIALS`)."""
        own = digits(serial)
        self.symbols = symbols(own)
        self.register: Register = "plain" if (own[0] + own[2] + own[5]) % 2 else "clinical"
        self.order = own[1] * FIELD + own[3]
        self._uses: dict[str, int] = {}
        self._said: set[tuple[str, int]] = set()
        self._words = [0] * FIELD  # of each place so far
        self._placed: dict[str, tuple[int, int]] = {}  # text of a sentence -> its place and words
        self._texts = wordings()

    def wording(self, table: str) -> tuple[tuple[str, str], int]:
        """The next wording of a table, for one finding and for many, and its place."""
        use = self._uses.get(table, 0)
        self._uses[table] = use + 1
        places = PLACES[table]
        place = places[use % len(places)]
        number = (self.symbols[place] + _OFFSET * use) % FIELD
        if use:  # a text says nothing twice in the same words
            while (table, number) in self._said:
                number = (number + 1) % FIELD
        self._said.add((table, number))
        return self._texts[table, self.register][number], place

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
        """About the largest share of its 8-grams that another rationale can have, by the places of its sentences.

        A shared sentence of w words brings w - 7 8-grams, and 7 more with each shared neighbor. The five places are
        searched for greedily, from each of the two that bring most.
        """
        alone = [0] * FIELD
        beside = [[0] * FIELD for _ in range(FIELD)]
        before, total = -1, 0
        for sentence in sentences:
            place, words = self._placed[sentence.text]
            total += words
            alone[place] += max(0, words - GRAM + 1)
            if before == place:
                alone[place] += GRAM - 1
            elif before >= 0:
                beside[before][place] += GRAM - 1
                beside[place][before] += GRAM - 1
            before = place
        most = 0
        for start in sorted(range(FIELD), key=alone.__getitem__)[-2:]:
            gain, left, shared = alone.copy(), set(range(FIELD)), 0
            place = start
            for _ in range(AGREE):
                shared += gain[place]
                left.remove(place)
                near = beside[place]
                for each in left:
                    gain[each] += near[each]
                place = max(left, key=gain.__getitem__)
            most = max(most, shared)
        return most / max(1, total - GRAM + 1)

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


@cache
def _rank() -> dict[str, int]:
    return {slug: at for at, slug in enumerate(spoken())}


@cache
def name(slug: str) -> str:
    """Preferred name of a diagnosis."""
    return load_ontology().name(slug)
