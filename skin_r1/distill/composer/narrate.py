"""The order of thought of each kind of trajectory: which sentences it has, what they rest on, and where they may move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from skin_r1.distill.composer.evidence import Rival, families, rivals, signs_of, steps, strangers
from skin_r1.distill.composer.parts import (
    DIFFERENTIAL,
    TAXONOMY,
    Block,
    Telling,
    alternatives,
    bases,
    behavior,
    conclusion,
    deciding,
    last,
    linked,
    missed,
    opening,
    share,
    shelves,
    weighed,
)
from skin_r1.distill.composer.say import Voice, name, other_name
from skin_r1.distill.composer.trajectory import Sentence, candidates, halted
from skin_r1.ontology import load_ontology


@dataclass(frozen=True)
class Story:
    """A rationale before it is a text: `seen` are those of its sentences that name all present findings."""

    answer: str
    others: tuple[str, ...]
    seen: tuple[Sentence, ...]
    sentences: tuple[Sentence, ...]


def narrate(row: Mapping[str, Any], kind: str, voice: Voice) -> Story:
    """The sentences of a trajectory that the case can carry (`skin_r1.distill.composer.trajectory.possible`)."""
    signs = signs_of(row)
    way = steps(signs) if kind == "coarse_to_fine" else ()
    tell = Telling(row, signs, voice, halted(signs, way) if way else signs.diagnosis)
    first = opening(tell)
    seen = voice.listed(signs.present)
    if kind == "direct":
        against, parts = _direct(tell)
    elif kind == "uncertain":
        against, parts = _uncertain(tell)
    elif kind == "coarse_to_fine":
        against, parts = _coarse(tell)
    elif kind == "absent":
        against, parts = _absent(tell)
    else:
        against, parts = _compared(tell, kind)
    body = chain.from_iterable(_arranged(blocks, voice.order + at) for at, blocks in enumerate(parts[:-1]))
    sentences = voice.padded([first, *seen, *body], _arranged(parts[-1], voice.order))
    return Story(tell.answer, tuple(dict.fromkeys(against)), tuple(seen), sentences)


def _arranged(blocks: Sequence[Block], order: int) -> Block:
    """The blocks in one of their orders."""
    left = [block for block in blocks if block]
    if len(left) == 1:
        return left[0]
    out: Block = []
    while left:
        order, at = divmod(order, len(left))
        out += left.pop(at)
    return out


def _direct(tell: Telling) -> tuple[list[str], list[list[Block]]]:
    first, basis = alternatives(tell.row, tell.signs, tell.answer)
    named = [
        tell.voice.say(table, basis, o=other_name(slug)) for table, slug in zip(("diff", "diff2"), first, strict=False)
    ]
    missing = [tell.voice.about("denied", slug, basis) for slug, basis in missed(tell.signs)[:2]]
    return first[: len(named)], [
        [linked(tell) + weighed(tell), missing],
        [[conclusion(tell)]],
        [shelves(tell), behavior(tell), named],
        [last(tell)],
    ]


def _compared(tell: Telling, kind: str) -> tuple[list[str], list[list[Block]]]:
    far, switch = kind.endswith("random"), kind.startswith("switch")
    pool = [each for each in (strangers if far else rivals)(tell.signs) if each.shared or not switch]
    other = pool[tell.voice.order % len(pool)]
    o = other_name(other.slug)
    start = [tell.voice.say("first" if switch else "ask", DIFFERENTIAL, o=o)]
    start += [tell.voice.about("share", slug, basis, o=o) for slug, basis in other.shared[:1]]
    against = [tell.voice.about("fort", slug, basis, dx=tell.dx, o=o) for slug, basis in other.forts[:2]]
    lacking = [tell.voice.about("lack", slug, basis, o=o) for slug, basis in other.lacks[:2]]
    done = [tell.voice.say("verdict", bases(other.forts[:2], other.lacks[:2]), o=o)]
    if far and (shelf := families(other.slug)[:1]):
        done.append(tell.voice.say("apart", TAXONOMY, o=o, p=name(shelf[0])))
    conclude = [conclusion(tell)]
    end = last(tell, look=not far)
    reasons = linked(tell) + weighed(tell)
    facts = [shelves(tell), behavior(tell)]
    if switch:
        return [other.slug], [[start], [against, lacking], [done], [reasons], [conclude], facts, [end]]
    return [other.slug], [[reasons], [conclude], [start], [against, lacking], [done], facts, [end]]


def _coarse(tell: Telling) -> tuple[list[str], list[list[Block]]]:
    voice, walk = tell.voice, list[Sentence]()
    for step in steps(tell.signs):
        slots = {"level": f"broad {step.level}" if step.level == "group" else step.level, "node": name(step.node)}
        if step.carried:
            finding, basis = step.carried[0]
            walk.append(voice.about("step", finding, basis, **slots))
        elif step.level != "subtype" or step.node in load_ontology().path(tell.answer):
            walk.append(voice.say("stepopen", TAXONOMY, **slots))
        if step.node == tell.answer:
            break
    if tell.answer != tell.signs.diagnosis:
        walk.append(voice.say("halt", TAXONOMY, dx=tell.dx))
    first, basis = alternatives(tell.row, tell.signs, tell.answer)
    named = [voice.say("diff", basis, o=other_name(slug)) for slug in first[:1]]
    conclude = [conclusion(tell)]
    reasons = linked(tell) + weighed(tell)
    return first[:1], [[walk], [reasons], [conclude], [behavior(tell), named], [last(tell)]]


def _uncertain(tell: Telling) -> tuple[list[str], list[list[Block]]]:
    voice, ranked = tell.voice, candidates(tell.row)
    slugs = [slug for slug, _ in ranked[1:]]
    field = [voice.say("candidates", DIFFERENTIAL, dx=tell.dx, o=other_name(slugs[0]))]
    shares = [voice.say("shares", DIFFERENTIAL, dx=tell.dx, s=share(ranked[0][1]))]
    shares += [voice.say("shares2", DIFFERENTIAL, o=other_name(slug), s=share(weight)) for slug, weight in ranked[1:]]
    doubt = [voice.say("undecided", DIFFERENTIAL)]
    further = [voice.say("further", TAXONOMY, step=deciding([slug for slug, _ in ranked], tell.signs.modality))]
    leads = [voice.say("leads", DIFFERENTIAL, dx=tell.dx)]
    parts = [[linked(tell)], [field], [shares, doubt], [leads], [shelves(tell), behavior(tell), further]]
    return slugs, [*parts, [[voice.say("modest", DIFFERENTIAL, dx=tell.dx)]]]


def _absent(tell: Telling) -> tuple[list[str], list[list[Block]]]:
    voice, tested, used = tell.voice, list[Block](), set[str]()
    named: list[Rival] = []
    for other in rivals(tell.signs):
        fresh = [each for each in other.lacks if each[0] not in used]
        if fresh and len(named) < 3:
            named.append(other)
            used.add(fresh[0][0])
            tested.append([voice.about("lack", fresh[0][0], fresh[0][1], o=other_name(other.slug))])
    done = [voice.say("verdict", bases(named[0].lacks[:1]), o=other_name(named[0].slug))]
    conclude = [conclusion(tell)]
    intro = [voice.say("missing")]
    reasons = linked(tell) + weighed(tell)
    parts = [[reasons], [intro], tested, [done], [conclude], [shelves(tell), behavior(tell)], [last(tell)]]
    return [each.slug for each in named], parts
