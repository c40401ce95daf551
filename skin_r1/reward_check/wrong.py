"""Answers that are right in other words, or wrong in one way."""

from functools import cache

from skin_r1.concepts import concept_name, excluded_by
from skin_r1.differentials import neighbors
from skin_r1.gold import gold_findings, gold_reasoning, said_name
from skin_r1.ontology import load_ontology
from skin_r1.plausible import usual_findings
from skin_r1.reading import MAX_DIFFERENTIAL, MAX_FINDINGS
from skin_r1.reward_check.scene import HARMFUL, Scene

TELLING = 0.01  # weight of a differential below which no reward has to mind


def reworded(scene: Scene) -> str:
    """The gold answer with other verbs, its findings from last to first, and a synonym of the diagnosis in the JSON."""
    tree = load_ontology()
    findings = scene.findings[::-1]
    seen = [f"The lesion shows {concept_name(slug)}." for slug in findings] or ["There is nothing that stands out."]
    synonyms = [text for text in tree.nodes[scene.diagnosis].synonyms if tree.lookup(text) == scene.diagnosis]
    think = " ".join([*seen, f"This fits {said_name(scene.diagnosis)} best."])
    return scene.split(think, findings=findings, diagnosis=next(iter(synonyms), tree.name(scene.diagnosis)))


def sibling(scene: Scene) -> str | None:
    """Named, reasoned and graded as a sibling of the same malignancy."""
    named = load_ontology().malignancy(scene.diagnosis)
    near = [slug for slug in siblings(scene.diagnosis) if load_ontology().malignancy(slug) == named]
    return _instead(scene, scene.random.choice(near)) if near else None


def other_family(scene: Scene) -> str | None:
    """Named, reasoned and graded as a diagnosis of another part of the tree, of the same malignancy."""
    tree, truth = load_ontology(), scene.diagnosis
    near = {edge.b for edge in neighbors(truth)}
    named = [slug for slug, node in tree.nodes.items() if node.level == "diagnosis" and slug not in near]
    scene.random.shuffle(named)
    alike = (slug for slug in named if tree.malignancy(slug) == tree.malignancy(truth))
    far = next((slug for slug in alike if not tree.hierarchical_credit(slug, truth)), None)
    return _instead(scene, far) if far else None


def opposite(scene: Scene) -> str:
    """Named, reasoned and graded as the nearest look-alike of the opposite malignancy."""
    return _instead(scene, rival(scene))


def flipped(scene: Scene) -> str:
    """The malignancy alone is wrong."""
    return scene.honest(malignancy="benign" if scene.malignancy in HARMFUL else "malignant")


def one_missed(scene: Scene) -> str | None:
    """All findings but the first."""
    return scene.honest(findings=scene.findings[1:]) if scene.findings else None


def one_absent(scene: Scene) -> str | None:
    """The first finding that is known to be absent, added."""
    absent = scene.row["concepts_absent"]
    return scene.honest(findings=(*scene.findings, absent[0])) if absent else None


def both_of_a_pair(scene: Scene) -> str | None:
    """The gold findings, and one that some of them exclude: of these the one that the diagnosis shows most often."""
    usual = usual_findings(scene.diagnosis)
    others = sorted({other for slug in scene.findings for other in excluded_by(slug)} - set(scene.findings))
    found = max(others, key=lambda slug: usual.get(slug, (0.0, 0.0)), default=None)
    return scene.honest(findings=(*scene.findings, found)) if found and len(scene.findings) < MAX_FINDINGS else None


def prose_denies(scene: Scene) -> str | None:
    """Each finding is not seen, says the reasoning; the JSON lists them."""
    denied = " ".join(f"There is no {concept_name(slug)}." for slug in scene.findings)
    return scene.split(f"{denied} This is {said_name(scene.diagnosis)}.") if denied else None


def json_silent(scene: Scene) -> str | None:
    """The findings stand in the reasoning alone."""
    return scene.split(findings=()) if scene.findings else None


def prose_silent(scene: Scene) -> str | None:
    """The findings stand in the JSON alone."""
    think = f"The picture is as one would expect it. This is {said_name(scene.diagnosis)}."
    return scene.split(think) if scene.findings else None


def other_prose(scene: Scene) -> str | None:
    """Somebody else's reasoning before the right JSON."""
    return scene.split(gold_reasoning(scene.stranger)) if scene.stranger else None


def other_findings(scene: Scene) -> str | None:
    """Somebody else's findings, in reasoning and JSON alike."""
    return scene.honest(findings=tuple(gold_findings(scene.stranger))) if scene.stranger else None


def reversed_differential(scene: Scene) -> str | None:
    """The least likely first."""
    weights = list(scene.weights.values())
    telling = len(weights) > 1 and weights[0] - weights[-1] > TELLING
    return scene.honest(others=scene.others[::-1]) if telling else None


def no_others(scene: Scene) -> str | None:
    """An empty differential."""
    return scene.honest(others=()) if sum(scene.weights.values()) > TELLING else None


def whole_family(scene: Scene) -> str | None:
    """Siblings that the gold differential does not name."""
    family = [slug for slug in siblings(scene.diagnosis) if slug not in scene.others][:MAX_DIFFERENTIAL]
    telling = len(family) > 1 and sum(scene.weights.values()) > TELLING
    return scene.honest(others=tuple(family)) if telling else None


def rival(scene: Scene) -> str:
    """Slug of the nearest look-alike of the opposite malignancy; melanoma or nevus where the graph knows none."""
    tree = load_ontology()
    harmful = scene.malignancy in HARMFUL
    near = (edge.b for edge in neighbors(scene.diagnosis))
    wanted = ("benign", "non-neoplastic") if harmful else ("malignant",)
    return next(
        (slug for slug in near if tree.malignancy(slug) in wanted), "melanocytic-nevus" if harmful else "melanoma"
    )


@cache
def siblings(diagnosis: str) -> tuple[str, ...]:
    """Other children of the same parent."""
    tree = load_ontology()
    parent = tree.nodes[diagnosis].parent
    return tuple(slug for slug in tree.children(parent) if slug != diagnosis) if parent else ()


def _instead(scene: Scene, diagnosis: str) -> str:
    others = tuple(slug for slug in scene.others if slug != diagnosis)
    return scene.honest(diagnosis=diagnosis, malignancy=str(load_ontology().malignancy(diagnosis)), others=others)
