"""The result of a check as one self-contained HTML page, with the answers that came nearest to deceiving each reward.

The page runs no script and loads nothing; its Content-Security-Policy names its one style sheet by its hash. The look is that
of the report of distillation.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import skin_r1.distill.report
from reward_fns.check.table import GROUPS, short
from skin_r1.errors import problem
from skin_r1.ontology import load_ontology
from skin_r1.reward_check.bounds import BOUNDS
from skin_r1.reward_check.check import CheckResult, mean
from skin_r1.reward_check.groups import MIXTURES, SUM, Spread
from skin_r1.reward_check.kinds import GOLD, Kind

HERE = Path(__file__).parent
WORST = 4  # answers shown for each reward
FULL = 0.5  # spread that fills its bar: no values in [0, 1] have a larger one


@dataclass(frozen=True)
class Cell:
    """Mean pay of a kind by a reward; `held` to a bound, which is `broken` or not."""

    value: float | None
    held: bool
    broken: bool

    @property
    def tone(self) -> str:
        """Classes of the style sheet: how much was paid in tenths, and whether that is right."""
        if self.value is None:
            return "none"
        return f"h{round(10 * self.value)}" + (" held" if self.held else "") + (" broken" if self.broken else "")


@dataclass(frozen=True)
class Worst:
    """An answer: of a kind, to a row, with what each reward paid it."""

    kind: Kind
    case_id: str
    diagnosis: str
    text: str
    gold: str
    value: float
    broken: bool
    paid: tuple[tuple[str, float | None], ...]


def write_page(path: Path, result: CheckResult, source: str) -> None:
    """Write the page.

    Args:
        path: of the HTML file; its folder is made.
        result: of the check.
        source: what the rows are, in words.

    Raises:
        UserError: the file cannot be written.
    """
    text = _page(result, source)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise problem("the page cannot be written", file=path, found=str(error), next_step="another --html") from error


def _page(result: CheckResult, source: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    house = Path(skin_r1.distill.report.__file__).with_name("page.css")
    style = house.read_text(encoding="utf-8") + (HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    broken = {(fault.reward, fault.kind) for fault in result.faults}
    names = list(result.paid)
    table = [
        (heading, [(kind, [_cell(result, name, kind, broken) for name in names]) for kind in kinds])
        for group, heading in GROUPS.items()
        if (kinds := [kind for kind in result.kinds if kind.group == group])
    ]
    spreads = {(each.reward, each.mixture): each for each in result.spreads}
    return environment.get_template("page.html.j2").render(
        result=result, source=source, names=names, heads=[short(name) for name in names], table=table,
        mixtures=MIXTURES, spreads=[(name, [spreads[name, m] for m in MIXTURES]) for name in [SUM, *names]],
        bar=_bar, worst=[(name, _worst(result, name, broken)) for name in names], gold=GOLD, answers=_answers(result),
        style=Markup(style), style_hash=f"sha256-{digest}",
    )  # fmt: skip


def _answers(result: CheckResult) -> int:
    return sum(text is not None for texts in result.texts.values() for text in texts)


def _bar(spread: Spread) -> str:
    """Width of a bar in percent."""
    return f"{100 * min(1.0, spread.spread / FULL):.1f}"


def _held(result: CheckResult, name: str, kind: Kind) -> bool:
    return kind.name == GOLD or kind.group == "unreadable" or kind.name in BOUNDS[result.judged[name]]


def _cell(result: CheckResult, name: str, kind: Kind, broken: set[tuple[str, str]]) -> Cell:
    value = mean(result.paid[name][kind.name])
    return Cell(value, value is not None and _held(result, name, kind), (name, kind.name) in broken)


def _worst(result: CheckResult, name: str, broken: set[tuple[str, str]]) -> Sequence[Worst]:
    """Of each kind held to a bound the row that does worst, broken bounds first; none where all is as it should be."""
    found: list[tuple[bool, float, Worst]] = []
    for kind in result.kinds:
        paid = [(value, at) for at, value in enumerate(result.paid[name][kind.name]) if value is not None]
        fault = next((each for each in result.faults if (each.reward, each.kind) == (name, kind.name)), None)
        if not paid or not (fault or _held(result, name, kind)):
            continue
        value, at = min(paid) if kind.group == "right" else max(paid)
        if fault is not None and fault.case_id is not None:
            at = next(at for at, row in enumerate(result.rows) if row["case_id"] == fault.case_id)
            value = result.paid[name][kind.name][at] or 0.0
        if fault is None and value == (1.0 if kind.group == "right" else 0.0):
            continue
        row = result.rows[at]
        each = Worst(
            kind, str(row["case_id"]), load_ontology().name(row["diagnosis"]), str(result.texts[kind.name][at]),
            str(result.texts[GOLD][at]), value, fault is not None,
            tuple((other, result.paid[other][kind.name][at]) for other in result.paid),
        )  # fmt: skip
        found.append((fault is None, value - 1 if kind.group == "right" else -value, each))
    return [each for *_, each in sorted(found, key=lambda item: item[:2])[:WORST]]
