"""Counts of a run: what was written, kept and rejected, by teacher, kind of trajectory, diagnosis, skin type and modality."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from skin_r1.distill.composer.plan import band
from skin_r1.distill.drafts import Draft
from skin_r1.distill.variety import SAMPLE

EXAMPLES = 5  # rejected texts shown of each reason


@dataclass
class Tally:
    """Counts over all splits; `facts` gives them as plain JSON."""

    teacher: str
    splits: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    reasons: Counter[str] = field(default_factory=Counter)
    hinted: int = 0
    groups: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    rules: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def add(self, split: str, draft: Draft, reason: str | None) -> None:
        """Count one draft; `reason` is why it was rejected, None where it was kept."""
        verdict = "kept" if reason is None else "rejected"
        self.splits[split]["asked"] += 1
        self.splits[split]["kept"] += reason is None
        row = draft.row
        self.groups["diagnoses"][row["diagnosis"]][verdict] += 1
        self.groups["skin_types"][band(row["skin_type"])][verdict] += 1
        self.groups["modalities"][row["modality"]][verdict] += 1
        self.groups["kinds"][draft.kind]["asked"] += 1
        if reason is None:
            self.groups["kinds"][draft.kind]["kept"] += 1
            self.hinted += draft.hinted
            if draft.completion is not None and len(self.texts) < SAMPLE:
                self.texts.append(draft.completion.partition("</think>")[0].removeprefix("<think>"))
            self.rules.update(basis for sentence in draft.sentences for basis in sentence.basis if _is_rule(basis))
            return
        why = reason.split(":")[0]
        self.reasons[why] += 1
        self.groups["kinds"][draft.kind][why] += 1
        if len(self.examples[why]) < EXAMPLES:
            known = {"case_id": row["case_id"], "reason": reason, "completion": draft.completion}
            self.examples[why].append(known)

    def facts(self) -> dict[str, Any]:
        """The counts, as `facts.json` holds them."""
        asked, kept = (sum(count[key] for count in self.splits.values()) for key in ("asked", "kept"))
        rejected = dict(self.reasons.most_common())
        kinds = {}
        for kind, count in sorted(self.groups["kinds"].items()):
            others = {why: n for why, n in count.items() if why not in ("asked", "kept")}
            kinds[kind] = {"asked": count["asked"], "kept": count["kept"], "rejected": others}
        pairs = {
            name: {key: {"kept": c["kept"], "rejected": c["rejected"]} for key, c in sorted(self.groups[name].items())}
            for name in ("diagnoses", "skin_types", "modalities")
        }
        own = {"asked": asked, "kept": kept, "hinted": self.hinted, "rejected": rejected}
        return {
            "splits": {split: {"asked": c["asked"], "kept": c["kept"]} for split, c in self.splits.items()},
            "teachers": {self.teacher: own},
            "kinds": kinds,
            "reasons": rejected,
            **pairs,
            "left_out": dict(self.left_out),
            "examples": dict(self.examples),
            "rules": {
                "used": len(self.rules),
                "diagnoses": len({rule.split("/")[0] for rule in self.rules}),
                "sources": dict(_sources(self.rules).most_common()),
            },
        }


def _is_rule(basis: str) -> bool:
    """A rule's id has two slashes; counts ("counts:psoriasis 80/120") and the rest do not."""
    return basis.count("/") >= 2 and not basis.startswith("counts:")


def _sources(rules: Counter[str]) -> Counter[str]:
    """Statements that rest on each source, the third part of a rule's id."""
    found: Counter[str] = Counter()
    for rule, count in rules.items():
        found[rule.split("/", 2)[2]] += count
    return found
