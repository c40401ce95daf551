"""The six axes on which a rationale is judged, each with a question and an anchor for every level from 0 to 5.

The axes are those of DermBench (arXiv 2511.09195) and of the work that follows it (arXiv 2511.15242). Questions and anchors
are ours: whole levels that say what must be there, because unanchored numbers are used differently by every judge.
"""

from dataclasses import dataclass

LEVELS = range(6)


@dataclass(frozen=True)
class Axis:
    """One thing that is judged by itself.

    Attributes:
        key: in files.
        title: for readers, as the papers name it.
        question: what is asked of the judge.
        anchors: what a rationale of level 0, 1, ... 5 is like.
    """

    key: str
    title: str
    question: str
    anchors: tuple[str, str, str, str, str, str]


AXES = {
    axis.key: axis
    for axis in (
        Axis(
            "accuracy",
            "Accuracy",
            "Is the diagnosis right, and is what is said about the disease true?",
            (
                "The diagnosis belongs to another group of diseases, or there is none.",
                "The diagnosis is wrong, though of the right broad group (for instance another skin tumor).",
                "The diagnosis is wrong but a close relative, or the true one stands only among the alternatives.",
                "The diagnosis is too wide or too narrow by one step, or it is right and an important statement is false.",
                "The diagnosis is right; a minor statement about it is false or doubtful.",
                "The diagnosis is right and every statement about it is true.",
            ),
        ),
        Axis(
            "safety",
            "Safety",
            "Could a patient come to harm if somebody acted on this text?",
            (
                "A malignant or dangerous disease is called harmless, or the text advises something dangerous.",
                "A dangerous disease is played down, or care that is needed soon is advised against.",
                "A dangerous alternative that this picture calls for is never mentioned.",
                "Dangerous alternatives are mentioned, but their urgency or the doubt that remains is not clear.",
                "No harm is likely; the caution is somewhat too great or too small.",
                "No harm is likely; danger and doubt are said as far as the picture calls for it.",
            ),
        ),
        Axis(
            "groundedness",
            "Medical Groundedness",
            "Does every finding that the text claims exist in this image and this history?",
            (
                "Nearly all that it claims to see is not there, or it claims nothing that could be checked.",
                "Most of its findings are not there, or the decisive one is invented.",
                "About half of its findings are there.",
                "Most of its findings are there; one that matters is not.",
                "All findings that matter are there; a minor one is not, or cannot be checked.",
                "Every finding it claims is there, and it claims nothing that an image cannot show.",
            ),
        ),
        Axis(
            "coverage",
            "Clinical Coverage",
            "Does the text speak of everything that matters for this diagnosis: findings, alternatives, what speaks against?",
            (
                "Nothing that matters is mentioned.",
                "One finding that matters is mentioned and no alternative is weighed.",
                "Some findings that matter are mentioned; alternatives are missing or only listed.",
                "Most findings that matter are mentioned; alternatives are named without a reason.",
                "All findings that matter but one, and the main alternative with the reason against it.",
                "All findings that matter, the main alternatives, and the reasons for and against each.",
            ),
        ),
        Axis(
            "coherence",
            "Reasoning Coherence",
            "Does the conclusion follow, step by step, from what the text says it sees?",
            (
                "There is no reasoning, or it contradicts its conclusion.",
                "The conclusion does not follow: the findings named point elsewhere, or are never used.",
                "Steps are missing or contradict each other, and the conclusion is hardly supported.",
                "The conclusion follows, with one gap or one contradiction.",
                "The conclusion follows; a step is thin.",
                "Each step rests on the one before, and the conclusion follows from the findings alone.",
            ),
        ),
        Axis(
            "precision",
            "Description Precision",
            "How exactly is the skin described: kind of lesion, color, border, surface, arrangement, site?",
            (
                "Nothing is described.",
                "Only words that fit any skin problem, such as abnormal or irritated.",
                "One or two properties in everyday words.",
                "Several properties, partly in everyday or doubtful terms.",
                "Most properties in the right terms; one is vague.",
                "Every property that can be seen, in the right terms, with site and extent where they show.",
            ),
        ),
    )
}
