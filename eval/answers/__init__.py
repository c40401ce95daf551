"""What a model meant by free text: a tolerant reader for evaluation, apart from the strict parser that pays rewards."""

from eval.answers.letters import Choice, read_letter
from eval.answers.reader import FreeAnswer, read_answer
from eval.answers.verdicts import Verdict, read_malignancy, read_yes_no

__all__ = ["Choice", "FreeAnswer", "Verdict", "read_answer", "read_letter", "read_malignancy", "read_yes_no"]
