"""Real files of every kind become passages of whole sentences, and what cannot be read says why."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas

from skin_r1.distill.books.passages import LONGEST, SHORTEST, Block, packed_passages, sentences
from skin_r1.distill.books.sources import MOST_BYTES, read_passages, source_files
from skin_r1.errors import UserError

HERE = Path(__file__).parent / "sources"
PAGES = (
    ["#Rosacea", "Rosacea typically shows erythema of the face, and telan-", "giectasia is visible on the cheeks.", "",
     "A blue-white veil never belongs to it, nor a blue-", "white one. Pustules come and go, and the course of the"],
    ["disease is long. Papules may stay.", "", "#Acne", "Comedones are the hallmark of acne."],
    ["Nodules may be found on the back of patients with acne."],
)  # fmt: skip


def pdf(path, pages=PAGES):
    """Pages with a head and a number; a line that begins with # is set larger, an empty one leaves a gap."""
    canvas = Canvas(str(path), pagesize=A5)
    for number, lines in enumerate(pages, 1):
        canvas.setFont("Helvetica", 9)
        canvas.drawString(60, 560, f"A Reader of the Skin, chapter {number}")
        y = 520
        for line in lines:
            canvas.setFont("Helvetica", 15 if line.startswith("#") else 10)
            if line:
                canvas.drawString(60, y, line.lstrip("#"))
            y -= 24 if line.startswith("#") else 13
        canvas.setFont("Helvetica", 9)
        canvas.drawString(200, 30, str(number))
        canvas.showPage()
    canvas.save()
    return path


def read(path):
    return list(read_passages(path, path.name))


def test_a_pdf_keeps_its_pages_headings_and_words(tmp_path):
    first, second, third, last = read(pdf(tmp_path / "book.pdf"))
    assert (first.source, first.page, first.heading) == ("book.pdf", 1, "Rosacea")
    assert first.text.split("\n") == [
        "Rosacea typically shows erythema of the face, and telangiectasia is visible on the cheeks.",
        "A blue-white veil never belongs to it, nor a blue-white one. Pustules come and go, and the course of the "
        "disease is long.",
    ]
    assert (second.page, second.heading, second.text) == (2, "Rosacea", "Papules may stay.")
    assert (third.page, third.heading, third.text) == (2, "Acne", "Comedones are the hallmark of acne.")
    assert (last.page, last.heading) == (3, "Acne")


def test_only_repeated_edge_lines_are_dropped(tmp_path):
    pages = [[f"Melanoma number {'abcdefg'[at]} is dark.", "It grows.", "It bleeds."] for at in range(5)]
    text = " ".join(passage.text for passage in read(pdf(tmp_path / "a.pdf", pages)))
    assert "Reader" not in text and not re.search(r"\d", text)
    assert all(f"Melanoma number {letter} is dark." in text for letter in "abcde")


def test_html_drops_what_is_no_text(tmp_path):
    tinea, candida = read(HERE / "skin.html")
    assert tinea.heading == "Fungal disease > Tinea corporis" and tinea.page is None
    assert tinea.text.split("\n") == [
        "Ringworm.",
        "Tinea corporis is typically an annular plaque with scale at its active edge.",
        "Pustules may occur.",
        "Vesicles are uncommon.",
        "Disease | Sign",
        "Tinea nigra | brown macule",
    ]
    assert candida.heading == "Fungal disease > Candidiasis"
    assert candida.text == "Satellite pustules are often the efficient clue."
    titled = tmp_path / "t.html"
    titled.write_text("<title>Warts</title><p>Warts bleed.<p>Often.")
    assert [(p.heading, p.text) for p in read(titled)] == [("Warts", "Warts bleed.\nOften.")]


def test_markdown_has_headings_and_no_front_matter(tmp_path):
    passages = read(HERE / "skin.md")
    assert len(passages) == 7 and "license" not in passages[0].text
    assert passages[0].heading == "Papulosquamous and acneiform disease > Psoriasis"
    assert passages[4].heading == "Tumors > Seborrheic keratosis"
    file = tmp_path / "a.markdown"
    file.write_text(
        "Eczema\n======\n\n- *Itch* is [common](x.html).\n- Scale too.\n\n| a | b |\n|---|---|\n| c | d |\n"
    )
    (passage,) = read(file)
    assert passage.heading == "Eczema" and passage.text == "Itch is common.\nScale too.\na | b\nc | d"


WORDS = (
    "Psoriasis\n\nPsoriasis shows “silvery” scale, first seen by Köbner. It is not pru-\nritic. Others are pruritic.\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_in_any_encoding(tmp_path, encoding):
    file = tmp_path / "a.txt"
    file.write_bytes(WORDS.replace("\n", "\r\n").encode(encoding))
    (passage,) = read(file)
    assert passage.heading == "Psoriasis"
    assert passage.text == (
        "Psoriasis shows “silvery” scale, first seen by Köbner. It is not pruritic. Others are pruritic."
    )


def test_abbreviations_and_initials_end_no_sentence():
    text = (
        "Impetigo (e.g. Crusts by S. aureus) spreads, see Fig. 3 and Smith et al. Later it heals.[1,2] “Honey” dries."
    )
    assert sentences(text) == [
        "Impetigo (e.g. Crusts by S. aureus) spreads, see Fig. 3 and Smith et al. Later it heals.[1,2]",
        "“Honey” dries.",
    ]


WORD = st.sampled_from(["scale", "erythema", "Comedones", "a", "pigmentation"])
SENTENCE = st.lists(WORD, min_size=1, max_size=60).map(lambda words: "The " + " ".join(words) + ".")
PARAGRAPHS = st.lists(st.lists(SENTENCE, min_size=1, max_size=12), min_size=1, max_size=12)


@given(PARAGRAPHS)
def test_no_sentence_is_cut_lost_or_repeated(paragraphs):
    blocks = [Block(" ".join(each), page=1) for each in paragraphs]
    passages = list(packed_passages(blocks, "a"))
    said = [sentence for passage in passages for line in passage.text.split("\n") for sentence in sentences(line)]
    assert said == [sentence for each in paragraphs for sentence in each]
    assert all(len(passage.text) <= LONGEST or len(sentences(passage.text)) == 1 for passage in passages)
    if sum(len(block.text) for block in blocks) >= SHORTEST and max(map(len, said)) < SHORTEST:
        assert all(len(passage.text) >= SHORTEST for passage in passages)


def encrypted(tmp_path):
    writer = PdfWriter(clone_from=PdfReader(pdf(tmp_path / "plain.pdf")))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    return tmp_path / "locked.pdf"


def scanned(tmp_path):
    Image.new("L", (200, 300), 255).save(tmp_path / "scan.pdf")
    return tmp_path / "scan.pdf"


def holding(name, content):
    def make(tmp_path):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return make


def huge(tmp_path):
    with (tmp_path / "huge.txt").open("wb") as stream:
        stream.truncate(MOST_BYTES["text"] + 1)
    return tmp_path / "huge.txt"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (encrypted, "is encrypted"),
        (scanned, "scan without text(.|\n)*OCR"),
        (holding("broken.pdf", b"%PDF-1.4\nnothing"), "cannot be read"),
        (holding("a.txt", b""), "is empty"),
        (holding("a.md", b"# Only a heading\n"), "no paragraph"),
        (holding("a.html", b"<nav>menu</nav>"), "no paragraph"),
        (holding("a.txt", b"\x00\x01\x02\x00" * 3), "is no text"),
        (huge, "too large"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(tmp_path, make, says):
    file = make(tmp_path)
    with pytest.raises(UserError, match=says) as error:
        read(file)
    assert str(file) in str(error.value)


def test_a_pdf_locked_only_for_its_owner_is_read(tmp_path):
    writer = PdfWriter(clone_from=PdfReader(pdf(tmp_path / "plain.pdf")))
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(tmp_path / "open.pdf")
    assert len(read(tmp_path / "open.pdf")) == 4


def test_folders_are_read_through_and_named_from_below(tmp_path):
    (tmp_path / "b" / ".hidden").mkdir(parents=True)
    for name in ("b/two.TXT", "one.md", "b/picture.png", "b/.hidden/x.md"):
        (tmp_path / name).write_text("Scale.")
    assert list(source_files([tmp_path])) == ["b/two.TXT", "one.md"]
    assert list(source_files([tmp_path / "one.md", tmp_path / "b"])) == ["one.md", "two.TXT"]
    with pytest.raises(UserError, match="same name"):
        source_files([tmp_path / "one.md", tmp_path])


def test_wrong_places_are_refused(tmp_path):
    (tmp_path / "a.docx").write_text("x")
    (tmp_path / "empty").mkdir()
    for path, says in (
        (tmp_path / "none.pdf", "no such file"),
        (tmp_path / "a.docx", r"cannot be read(.|\n)*docx(.|\n)*\.pdf"),
        (tmp_path / "empty", "holds no file"),
    ):
        with pytest.raises(UserError, match=says):
            source_files([path])
