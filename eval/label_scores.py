"""Label scores as arrays: what a model thinks of every diagnosis, not of the one that it names.

A score is a log-probability: of a label's text under the model, or of a label among the k answers that were sampled.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from eval.statistics.bootstrap import Floats, Mask
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology


@dataclass(frozen=True)
class LabelTable:
    """Scores of all classes beside the truth.

    Attributes:
        classes: diagnosis slugs.
        log_p: [cases, classes], log-probabilities, -inf for a class without a score; a row of NaN is a case without scores.
            Rows sum to at most 1: what is missing was said of no class.
        truth: [cases], index of the true class; -1 where the diagnosis is unknown.
        malignancy: [cases], true malignancy; None where unknown.
    """

    classes: tuple[str, ...]
    log_p: Floats
    truth: NDArray[np.intp]
    malignancy: tuple[str | None, ...]

    @property
    def p(self) -> Floats:
        """Probabilities [cases, classes]; NaN rows as in `log_p`."""
        return np.exp(self.log_p)

    @property
    def scored(self) -> Mask:
        """The cases that have scores."""
        return np.asarray(~np.isnan(self.log_p).any(axis=1) & bool(self.classes))

    @property
    def known(self) -> Mask:
        """The cases that have scores and a true diagnosis."""
        return self.scored & (self.truth >= 0)

    @property
    def confidence(self) -> Floats:
        """[cases], probability of the most probable class, in [0, 1]; NaN without scores."""
        return self.p.max(axis=1, initial=0.0)

    def log_p_true(self) -> Floats:
        """[cases], log-probability of the true class; -inf where it is unknown, NaN without scores."""
        if not self.classes:
            return np.full(len(self.truth), -np.inf)
        return np.where(self.truth >= 0, self.log_p[np.arange(len(self.truth)), self.truth], -np.inf)

    def hits(self, k: int) -> Mask:
        """[cases], the true class is among the k most probable.

        Ties count against the model: a class as probable as the true one stands before it. So does a class without a score.
        """
        true = self.log_p_true()[:, None]
        before = (self.log_p >= true).sum(axis=1) - 1
        return self.known & np.isfinite(true[:, 0]) & (before < k)

    def log_p_of(self, kinds: Collection[str]) -> Floats:
        """[cases], log of the summed probability of the classes whose malignancy in the ontology is one of `kinds`."""
        columns = self._of(kinds)
        if not columns.any():
            return np.where(self.scored, -np.inf, np.nan)
        return np.asarray(logsumexp(self.log_p[:, columns], axis=1))

    def leads(self, kinds: Collection[str]) -> Mask:
        """[cases], one of the `kinds` is the most probable class; a tie with another kind is none."""
        columns = self._of(kinds)
        inside = self.log_p[:, columns].max(axis=1, initial=-np.inf)
        return inside > self.log_p[:, ~columns].max(axis=1, initial=-np.inf)

    def _of(self, kinds: Collection[str]) -> Mask:
        return np.array([load_ontology().malignancy(slug) in kinds for slug in self.classes], dtype=bool)


def log_probabilities(label_scores: Sequence[Mapping[str, float] | None], classes: Sequence[str]) -> Floats:
    """Softmax over the classes given, as logarithms.

    Args:
        label_scores: per case slug -> log-probability (or logit), or None. Slugs outside of `classes` are left out.
        classes: the columns.

    Returns:
        [cases, classes]; -inf for a class without a score, NaN where no class has one.
    """
    column = {slug: i for i, slug in enumerate(classes)}
    raw = np.full((len(label_scores), len(column)), -np.inf)
    for row, scores in enumerate(label_scores):
        for slug, value in (scores or {}).items():
            if slug in column:
                raw[row, column[slug]] = value
    with np.errstate(invalid="ignore"):  # -inf - -inf where a case has no score
        return np.asarray(log_softmax(raw, axis=1)) if column else raw


def label_table(
    label_scores: Sequence[Mapping[str, float] | None],
    diagnoses: Sequence[str | None],
    malignancies: Sequence[str | None],
) -> LabelTable:
    """The scores of all diagnoses that are scored or true somewhere, normalised to sum to 1 in each case.

    Args:
        label_scores: per case slug -> log-probability, or None.
        diagnoses, malignancies: the truth of each case; None where unknown.

    Raises:
        UserError: a scored slug is not in the ontology.
    """
    scored = {slug for scores in label_scores for slug in scores or {}}
    strangers = sorted(scored - set(load_ontology().nodes))
    if strangers:
        raise problem(
            "label_scores name a diagnosis that is not in the ontology",
            column="label_scores",
            found=strangers[0],
            allowed="slugs of the ontology",
            next_step=f"find the slug with: skin-r1 data resolve {strangers[0]!r}",
        )
    classes = class_names(scored, diagnoses)
    return LabelTable(
        classes, log_probabilities(label_scores, classes), indices(diagnoses, classes), tuple(malignancies)
    )


def class_names(said: Collection[str], diagnoses: Sequence[str | None]) -> tuple[str, ...]:
    """Every diagnosis that is said or true, in alphabetical order."""
    return tuple(sorted({*said, *(slug for slug in diagnoses if slug is not None)}))


def indices(diagnoses: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.intp]:
    """The class of each case; -1 where unknown."""
    column = {slug: i for i, slug in enumerate(classes)}
    return np.array([-1 if slug is None else column[slug] for slug in diagnoses], dtype=np.intp)
