"""A user's own books: files of PDF, Markdown, HTML or text -> passages that a teacher can be asked about."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from skin_r1.distill.books.passages import Block, Passage, joined, one_line, own_words, packed_passages
from skin_r1.errors import problem

KINDS = {".pdf": "pdf", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".txt": "text"}
MOST_BYTES = {"pdf": 2 << 30, "markdown": 64 << 20, "html": 64 << 20, "text": 64 << 20}


def source_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Name -> file, of files and of folders read through; hidden files and other kinds in a folder are passed over.

    Raises:
        UserError: a path is missing, of another kind or a folder without a readable file, or two files share a name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise problem("there is no such file or folder", file=path, next_step="check the path after --source")
        files = [path]
        if path.is_dir():
            files = [each for each in sorted(path.rglob("*")) if each.suffix.lower() in KINDS and each.is_file()]
            files = [each for each in files if not any(part[0] == "." for part in each.relative_to(path).parts)]
        if not files or files[0].suffix.lower() not in KINDS:
            what = "the folder holds no file that can be read" if path.is_dir() else "this kind of file cannot be read"
            step = "export the book as PDF, HTML or text"
            raise problem(what, file=path, found=path.suffix or None, allowed=tuple(KINDS), next_step=step)
        for file in files:
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            name = one_line(name.encode("utf-8", "replace").decode())
            if name in found:
                step = "rename one, or give the folder above both"
                raise problem("two sources have the same name", file=file, found=str(found[name]), next_step=step)
            found[name] = file
    return found


def read_passages(file: Path, source: str) -> Iterator[Passage]:
    """The passages of one file, in reading order. A sentence that runs over a page's end belongs to the page it begins on.

    Raises:
        UserError: the file is empty, too large, encrypted, a scan without text, or no text at all.
    """
    kind = KINDS[file.suffix.lower()]
    try:
        size = file.stat().st_size
        if size == 0:
            raise problem("the file is empty", file=file, next_step="remove it, or give the book itself")
        if size > MOST_BYTES[kind]:
            limit = f"{MOST_BYTES[kind] >> 20} MiB for {kind}"
            raise problem("the file is too large", file=file, found=size, allowed=limit, next_step="split it")
        if kind == "pdf":
            from skin_r1.distill.books.pages import pdf_blocks

            blocks = pdf_blocks(file)
        elif kind == "html":
            blocks = _html_blocks(file.read_bytes(), file)
        elif kind == "markdown":
            from markdown_it import MarkdownIt

            text = re.sub(r"\A---\n.*?\n(?:---|\.\.\.)\n", "", decoded(file.read_bytes(), file), flags=re.DOTALL)
            blocks = _html_blocks(MarkdownIt("commonmark").enable("table").render(text), file)
        else:
            blocks = _text_blocks(decoded(file.read_bytes(), file))
    except OSError as error:
        raise problem("the file cannot be opened", file=file, found=str(error.strerror)) from None
    if not any(block.text and not block.rank for block in blocks):
        raise problem("the file holds no paragraph of text", file=file, next_step="remove it, or give the book itself")
    return packed_passages(blocks, source)


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def decoded(content: bytes, file: Path) -> str:
    """Text of UTF-8 or UTF-16 with or without a byte order mark, else of Windows-1252, Latin-1's superset in print.

    Raises:
        UserError: the bytes are no text.
    """
    halves = content[:2000:2].count(0), content[1:2000:2].count(0)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        names: tuple[str, ...] = ("utf-16",)
    elif max(halves) > len(content[:2000]) / 8:  # every second byte of English UTF-16 is zero
        names = ("utf-16-be" if halves[0] > halves[1] else "utf-16-le",)
    else:
        names = ("utf-8-sig", "cp1252", "latin-1")
    for name in names:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and 100 * len(_CONTROL.findall(text)) <= len(text):
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise problem("the file is no text", file=file, next_step="save it as UTF-8 text")


_BLOCKS = frozenset(
    "address article aside blockquote body caption dd div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6 header "
    "hr html li main ol p pre section table tr ul".split()
)
_DROPPED = ("script", "style", "nav", "noscript", "template", "footer", "form", "button", "svg", "iframe", "math")


def _html_blocks(content: str | bytes, file: Path) -> list[Block]:
    """Blocks of a page: a string starts a new one where it has another block element around it than the one before."""
    from bs4 import BeautifulSoup, NavigableString
    from bs4.element import PreformattedString
    from bs4.exceptions import ParserRejectedMarkup

    try:
        soup = BeautifulSoup(content, "html.parser")
    except ParserRejectedMarkup as error:
        raise problem("the page is no HTML", file=file, found=str(error)[:100]) from None
    title = soup.title.get_text() if soup.title and not soup.find("h1") else ""
    for tag in soup.find_all([*_DROPPED, "head", "title"]):
        tag.decompose()
    for tag in soup.find_all("br"):
        tag.replace_with("\n")
    for tag in soup.find_all(["td", "th"]):
        tag.append(" | ")
    parts: list[tuple[object, str, list[str]]] = []
    for string in soup.descendants:
        if not isinstance(string, NavigableString) or isinstance(string, PreformattedString):
            continue
        around = next((tag for tag in string.parents if tag.name in _BLOCKS), soup)
        if not parts or parts[-1][0] is not around:
            parts.append((around, around.name, []))
        parts[-1][2].append(str(string))
    blocks = [Block(one_line(title), None, 7.0)] if title.strip() else []
    for _, name, texts in parts:
        text = one_line("".join(texts)).rstrip("| ")
        if text:
            blocks.append(Block(text, None, 7.0 - int(name[1]) if re.fullmatch("h[1-6]", name) else 0.0))
    return blocks


def _text_blocks(text: str) -> list[Block]:
    """Paragraphs between blank lines; a short single line without an end, and with text to follow, is a heading."""
    blocks, words = [], own_words(text)
    for part in re.split(r"\n[ \t]*\n|\f", text):
        lines = [line for line in part.split("\n") if line.strip() and not re.fullmatch(r"\W+", line.strip())]
        if lines:
            whole = joined(lines, words)
            title = len(lines) == 1 and len(whole) <= 80 and re.match(r"[A-Z\d]", whole) and whole[-1] not in ".,;:!?"
            blocks.append(Block(whole, None, 1.0 if title else 0.0))
    return blocks
