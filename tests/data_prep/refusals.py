"""Print docs/refusals.md: what each adapter answers to damaged files, from the tables that the tests run.

cd tests/data_prep && python refusals.py > ../../docs/refusals.md
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import test_clinical_family as clinical
import test_first_four as four
import test_isic_family as isic

from data_prep.adapters import ADAPTERS
from skin_r1.errors import UserError

HEAD = """\
# What the adapters refuse

Each row damages one thing in a small copy of a dataset's own files and gives the answer of `skin-r1 data build`: what is
wrong, where, and what was found. Every answer also names what is allowed and the next step; the exit code is 2 and no corpus
is written. The tests run these tables; `tests/data_prep/refusals.py` prints this page.
"""
TAIL = """
DermNet has no table: a missing folder, a folder without `train/` and `test/`, images outside of a category, categories
without images, and broken images are refused likewise. Broken images of every dataset are listed all at once.
"""
SHOWN = 60


def damages() -> Iterator[tuple[str, str, Callable[[Path], Path]]]:
    """(dataset, what is damaged, how: given an empty folder, write the damaged files and return their root)."""
    for name, rows in clinical.CORRUPTIONS.items():
        for file, old, new, _ in rows:
            yield (
                name,
                _told(file, old, new),
                lambda folder, n=name, f=file, o=old, w=new: _clinical(folder, n, f, o, w),
            )
    for name, what, mutate, _ in isic.CORRUPTIONS:
        yield name, what, lambda folder, n=name, m=mutate: _isic(folder, n, m)
    for name, rows in four.CORRUPTIONS.items():
        for file, old, new, _ in rows:
            yield name, _told(file, old, new), lambda folder, n=name, f=file, o=old, w=new: _four(folder, n, f, o, w)


def _told(file: str, old: str, new: str) -> str:
    if not old:
        return f"`{Path(file).name}` " + (
            "is missing" if not new else "is empty" if not new.strip() else "holds something else"
        )
    shown = (repr(text)[1:-1].replace("|", "\\|") for text in (old, new))
    return f"`{Path(file).name}`: " + " → ".join(f"`{text}`" if text else "nothing" for text in shown)


def _clinical(folder: Path, name: str, file: str, old: str, new: str) -> Path:
    root = clinical.written(name, folder)
    clinical.change(name, root, file, old, new)
    return root


def _isic(folder: Path, name: str, mutate: Callable[[Path], object]) -> Path:
    root = isic.write(name, folder / "in")
    mutate(root)
    return root


def _four(folder: Path, name: str, file: str, old: str, new: str) -> Path:
    root = four.write_roots(folder)[name]
    path = root / file
    if old == new == "":
        path.unlink()
    else:
        path.write_text(path.read_text().replace(old, new, 1) if old else new)
    return root


def answer(name: str, root: Path) -> str:
    """The first line of the error, its place and what was found."""
    try:
        listing = ADAPTERS[name].read(root)
    except UserError as error:
        lines = str(error).splitlines()
        place = re.sub(
            r"file \S*/", "", next((line for line in lines if "where:" in line), "").split("where:")[-1].strip()
        )
        found = next((line.split("found:")[1].strip() for line in lines if "found:" in line), "")
        said = (
            f"{lines[0]} ({place}"
            + (f"; found {found}" if found and "/" not in found and len(found) < SHOWN else "")
            + ")"
        )
        return said.replace("|", "\\|")
    return "" if listing.rows else "the dataset has no rows"


def main() -> None:
    """Print the page."""
    print(HEAD, end="")
    last = ""
    for name, what, write in sorted(damages(), key=lambda d: list(ADAPTERS).index(d[0])):
        with tempfile.TemporaryDirectory() as scratch:
            said = answer(name, write(Path(scratch)))
        if name != last:
            print(f"\n## `{name}`\n\n| Damage | Answer |\n|---|---|")
            last = name
        print(f"| {what} | {said} |")
    print(TAIL, end="")


if __name__ == "__main__":
    main()
