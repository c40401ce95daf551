"""Each attack of the table, through real worker processes: none crashes, hangs, leaks or takes more than its memory."""

import asyncio
import base64
import io
import random
import struct

import numpy as np
import pytest
from attack_pictures import REFUSED, SECRET, SERVED, encoded, linear_profile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from serving import skin_picture

from skin_r1.serve.intake.decoder import Decoder
from skin_r1.serve.refused import Refused

MEMORY_MIB = 1024


JPEG = b"\xff\xd8"
# By whether it is a JPEG: JFIF's version, tables, the frame and its scan; no comment, profile, EXIF or second picture.
BARE = {True: {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}, False: {b"IHDR", b"IDAT", b"IEND"}}


@pytest.fixture(scope="module")
def decode():
    """Bytes -> Picture, in this thread; `decode.decoder` is the decoder."""
    with asyncio.Runner() as runner:
        decoder = Decoder(workers=1, memory_mib=MEMORY_MIB)
        runner.run(decoder.start())

        def call(data, expected=None, modality=None):
            return runner.run(decoder.picture(data, expected, modality))

        call.decoder = decoder
        yield call
        runner.run(decoder.stop())


def engine_sees(picture):
    """The file that the engine gets."""
    head, data = picture.data_url.split(",")
    sent = base64.b64decode(data, validate=True)
    assert head == f"data:image/{'jpeg' if sent.startswith(JPEG) else 'png'};base64"
    return sent


def parts(data):
    """Names of a PNG's chunks, or numbers of a JPEG's markers up to the coded picture."""
    return segments(data) if data.startswith(JPEG) else chunks(data)


def segments(data):
    at, found = 2, []
    while not found or found[-1] != 0xDA:
        mark, number, size = struct.unpack(">BBH", data[at : at + 4])
        assert mark == 0xFF
        found.append(number)
        at += 2 + size
    assert data.endswith(b"\xff\xd9") and data.count(b"\xff\xd9") == 1
    return found


def chunks(data):
    at, found = 8, []
    while at < len(data):
        (size,), name = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        found.append(name)
        at += size + 12
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_reason_by_a_worker_that_lives_on(decode, name):
    data, status, code = REFUSED[name]
    before = decode.decoder.pids
    with pytest.raises(Refused) as refusal:
        decode(data)
    assert (refusal.value.status, refusal.value.code) == (status, code), refusal.value.message
    assert decode.decoder.pids == before


@pytest.mark.parametrize("name", SERVED)
def test_served_as_bare_pixels(decode, name):
    data, size = SERVED[name]
    before = decode.decoder.pids
    picture = decode(data)
    sent = engine_sees(picture)
    assert (picture.width, picture.height) == size == Image.open(io.BytesIO(sent)).size
    assert set(parts(sent)) == BARE[sent.startswith(JPEG)] and SECRET not in sent
    assert decode.decoder.pids == before


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_is_in_what_came_and_turns_the_picture(decode, kind):
    data = SERVED[f"{kind.lower()} with metadata"][0]
    assert SECRET in data and Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)
    upright = np.asarray(Image.open(io.BytesIO(engine_sees(decode(data)))), dtype=int)
    lying = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)
    # its sRGB profile may round, and a JPEG is written anew as one
    assert np.abs(np.rot90(lying, -1) - upright).max() <= (8 if kind == "JPEG" else 2)


@pytest.mark.parametrize("declared, kind", [("JPEG", "PNG"), ("PNG", "WEBP"), ("WEBP", "JPEG")])
def test_the_declared_type_must_be_true(decode, declared, kind):
    with pytest.raises(Refused, match="declared") as refusal:
        decode(skin_picture(kind), declared)
    assert (refusal.value.status, refusal.value.code) == (415, "type_mismatch")
    assert decode(skin_picture(kind), kind).width == 96


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pixels_that_came_without_loss_are_not_changed(decode, kind):
    data = skin_picture(kind, (333, 251), **({"lossless": True} if kind == "WEBP" else {}))
    sent = Image.open(io.BytesIO(engine_sees(decode(data))))
    assert np.array_equal(np.asarray(sent), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_a_jpeg_is_written_anew_so_that_nobody_sees_it(decode):
    data = skin_picture("JPEG", (333, 251))
    sent = Image.open(io.BytesIO(engine_sees(decode(data))))
    error = np.subtract(sent, Image.open(io.BytesIO(data)), dtype=float)
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 44  # dB; this one is nothing but noise


@pytest.mark.parametrize(
    "mode, color, seen",
    [
        ("L", 100, (100, 100, 100)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 25_700, (100, 100, 100)),
        ("LA", (100, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("CMYK", (0, 255, 255, 0), (254, 0, 0)),
    ],
)
def test_every_mode_becomes_the_right_rgb(decode, mode, color, seen):
    data = encoded("JPEG" if mode == "CMYK" else "PNG", Image.new(mode, (40, 40), color))
    pixel = Image.open(io.BytesIO(engine_sees(decode(data)))).getpixel((20, 20))
    assert np.abs(np.subtract(pixel, seen)).max() <= 2


def test_a_profile_is_applied_where_it_fits(decode):
    """As for the training data: a linear profile makes the same bytes brighter on a screen, one of Lab is not for RGB."""
    plain, gray = decode(encoded("PNG")), Image.new("L", (40, 40), 60)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 6500)).tobytes()
    assert decode(encoded("PNG", icc_profile=lab)).data_url == plain.data_url
    swapped = decode(encoded("PNG", gray.convert("RGB"), icc_profile=linear_profile()))
    assert Image.open(io.BytesIO(engine_sees(swapped))).getpixel((9, 9))[0] > 100


def test_more_memory_than_allowed_is_refused_and_the_next_picture_works():
    async def go():
        decoder = Decoder(workers=1, memory_mib=300)
        await decoder.start()
        before = decoder.pids
        with pytest.raises(Refused) as refusal:
            await decoder.picture(SERVED["36 megapixels, transparent"][0])
        after = await decoder.picture(skin_picture())
        replaced = decoder.pids != before
        await decoder.stop()
        return refusal.value, after, replaced

    refusal, after, replaced = asyncio.run(go())
    assert (refusal.status, refusal.code) == (413, "image_too_costly")
    assert after.width == 96 and replaced


VALID = [skin_picture(kind, size) for kind in ("JPEG", "PNG", "WEBP") for size in ((96, 80), (64, 64))]
VALID += [skin_picture("JPEG", progressive=True), SERVED["jpeg with metadata"][0], SERVED["png with metadata"][0]]


@st.composite
def mutated(draw):
    """A valid file with bytes overwritten, cut out, doubled or cut short."""
    data = bytearray(draw(st.sampled_from(VALID)))
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 12))):
        if len(data) < 16:
            break
        # Half of the blows hit the head, where the structure is.
        at = rng.randrange(min(len(data), 200) if rng.random() < 0.5 else len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 1:
            data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
        elif kind == 2:
            del data[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        else:
            data = data[: max(at, 16)]
    return bytes(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated())
def test_a_mutated_file_never_kills_a_worker(decode, data):
    before = decode.decoder.pids
    try:
        picture = decode(data)
        sent = engine_sees(picture)
        assert set(parts(sent)) <= BARE[sent.startswith(JPEG)]
    except Refused as refusal:
        assert refusal.status in (413, 415, 422)
    assert decode.decoder.pids == before


def test_the_whole_table_stays_in_its_memory(decode):
    """After all of the above; the figures of docs/serving.md (`pytest -s`)."""
    (pid,) = decode.decoder.pids
    peak = {
        line.split(":")[0]: int(line.split()[1]) / 1024
        for line in open(f"/proc/{pid}/status")
        if line.startswith(("VmPeak", "VmHWM"))
    }
    print(f"\nworker: {peak['VmHWM']:.0f} MiB resident at most, {peak['VmPeak']:.0f} MiB of addresses")
    assert peak["VmHWM"] < peak["VmPeak"] <= MEMORY_MIB
