"""Intake: every pixel decodes, or the file is named with the reason."""

import io
import struct
import zlib
from pathlib import Path

import imagehash
import numpy as np
import pytest
from drawn_datasets import lesion, lesion_mask
from PIL import Image, ImageCms, PngImagePlugin

from data_prep.images.prepare import Bad, Prepared, Task, prepare


def take_in(path: Path, mask: object = None, max_side: int = 256) -> Prepared | Bad:
    return prepare(Task("x", path, mask), max_side)  # type: ignore[arg-type]


def good(path: Path, max_side: int = 256) -> Prepared:
    done = take_in(path, max_side=max_side)
    assert isinstance(done, Prepared), done
    return done


def stored(path: Path, max_side: int = 256) -> np.ndarray:
    with Image.open(io.BytesIO(good(path, max_side).encoded)) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


def bits_apart(a: Prepared, b: Prepared) -> int:
    return (int.from_bytes(a.phash, "big") ^ int.from_bytes(b.phash, "big")).bit_count()


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    """A large picture with a sensor's noise."""
    base = np.asarray(lesion(seed, 128).resize(size, Image.Resampling.BICUBIC)).astype(float)
    noise = np.random.default_rng(seed).normal(0, 4, base.shape)
    return Image.fromarray((base + noise).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda raw: b"", "zero bytes"),
        (lambda raw: raw[: len(raw) // 2], "truncated"),
        (lambda raw: b"\0" * len(raw), "not an image"),
        (lambda raw: b"<html>not found</html>", "not an image"),
    ],
    ids=["zero", "truncated", "corrupt", "html"],
)
def test_broken(tmp_path: Path, suffix: str, damage: object, reason: str) -> None:
    file = tmp_path / f"a{suffix}"
    lesion(1).save(file)
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    done = take_in(file)
    assert isinstance(done, Bad) and done.file == file and reason in done.reason


def test_png_with_a_flipped_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    lesion(1).save(file)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    file.write_bytes(raw)
    assert isinstance(take_in(file), Bad)


def test_encoded_small_upright_and_without_metadata(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "name of the patient"  # turned by 90 degrees; a description
    lesion(2).resize((300, 200)).save(file, exif=exif)
    done = take_in(file, max_side=128)
    assert isinstance(done, Prepared) and done.name == "a.jpg"
    with Image.open(io.BytesIO(done.encoded)) as image:
        assert image.size == (85, 128)
        assert not image.getexif()
    assert b"patient" not in done.encoded


def test_hashes_find_copies(tmp_path: Path) -> None:
    big = lesion(3, 200)
    big.save(tmp_path / "a.png")
    big.save(tmp_path / "b.bmp")
    big.resize((150, 150)).save(tmp_path / "c.jpg", quality=80)
    lesion(4, 200).save(tmp_path / "d.png")
    done = [take_in(tmp_path / name) for name in ("a.png", "b.bmp", "c.jpg", "d.png")]
    a, b, c, d = (p for p in done if isinstance(p, Prepared))
    assert a.pixels == b.pixels and a.pixels != c.pixels
    assert a.phash == b.phash and 0 < bits_apart(a, c) <= 32 < bits_apart(a, d)


def test_mask(tmp_path: Path) -> None:
    lesion(1).save(tmp_path / "a.jpg")
    lesion_mask(1, 128).save(tmp_path / "a_segmentation.png")  # another size, the same shape
    done = take_in(tmp_path / "a.jpg", tmp_path / "a_segmentation.png")
    assert isinstance(done, Prepared) and done.measured is not None
    lesion_mask(1).resize((64, 32)).save(tmp_path / "a_segmentation.png")
    bad = take_in(tmp_path / "a.jpg", tmp_path / "a_segmentation.png")
    assert isinstance(bad, Bad) and bad.file.name == "a_segmentation.png" and "another shape" in bad.reason


def test_black_background_is_a_mask_only_where_there_is_one(tmp_path: Path) -> None:
    lesion(1, background=None).save(tmp_path / "crop.png")
    lesion(1).save(tmp_path / "photo.png")
    crop, photo = (take_in(tmp_path / name, "black") for name in ("crop.png", "photo.png"))
    assert isinstance(crop, Prepared) and crop.measured is not None
    assert isinstance(photo, Prepared) and photo.measured is None


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99, 0.999])
def test_a_cut_photograph_is_refused_though_it_is_decoded_small(
    tmp_path: Path, progressive: bool, kept: float
) -> None:
    file = tmp_path / "a.jpg"
    photo(1, (1600, 1200)).save(file, quality=90, progressive=progressive)
    raw = file.read_bytes()
    assert isinstance(take_in(file), Prepared)
    file.write_bytes(raw[: int(len(raw) * kept)])
    done = take_in(file)
    assert isinstance(done, Bad) and "truncated" in done.reason


def test_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    file = tmp_path / "bomb.png"
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    done = take_in(file)
    assert isinstance(done, Bad) and "too large" in done.reason


def test_postscript_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    done = take_in(file)
    assert isinstance(done, Bad) and "not an image" in done.reason


@pytest.mark.parametrize(("size", "max_side"), [((200, 150), 256), ((1200, 900), 256)])
def test_metadata_neither_stay_nor_count(tmp_path: Path, size: tuple[int, int], max_side: int) -> None:
    image = photo(2, size)
    exif = Image.Exif()
    exif[0x010E] = "name of the patient"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "a.jpg", quality=90)
    image.save(tmp_path / "b.jpg", quality=90, exif=exif, comment=b"patient", icc_profile=profile, dpi=(300, 300))
    with (tmp_path / "b.jpg").open("ab") as stream:
        stream.write(b"patient after the end")
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "patient")
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", pnginfo=text, exif=exif, dpi=(300, 300))
    for suffix in (".jpg", ".png"):
        a, b = (good(tmp_path / f"{name}{suffix}", max_side) for name in "ab")
        assert (a.pixels, a.phash, a.encoded, a.quality) == (b.pixels, b.phash, b.encoded, b.quality)
        assert b"patient" not in b.encoded and b"Exif" not in b.encoded and b"ICC" not in b.encoded
        assert a.name.endswith(suffix)
    photo(3, size).save(tmp_path / "c.jpg", quality=90)
    assert good(tmp_path / "c.jpg").pixels != a.pixels


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_that_fits_loses_nothing(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    photo(4, (250, 160)).save(file)
    with Image.open(file) as image:
        assert (stored(file) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(200, 120), (1200, 700)])
def test_every_orientation(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    upright = photo(5, size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that the orientation takes back
    turned = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    turned.save(tmp_path / "a.jpg", exif=exif, quality=95)
    upright.save(tmp_path / "b.jpg", quality=95)
    a, b = stored(tmp_path / "a.jpg"), stored(tmp_path / "b.jpg")
    assert a.shape == b.shape and np.abs(a - b).mean() < 3
    quality = good(tmp_path / "a.jpg").quality
    assert (quality.width, quality.height) == size


@pytest.mark.parametrize("max_side", [128, 256, 512])
@pytest.mark.parametrize("size", [(600, 450), (1024, 1024), (1111, 333), (300, 2000)])
def test_decoded_small_is_nearly_decoded_in_full(tmp_path: Path, size: tuple[int, int], max_side: int) -> None:
    photo(6, size).save(tmp_path / "a.jpg", quality=92)
    with Image.open(tmp_path / "a.jpg") as image:
        full = image.convert("RGB")
    expected = imagehash.phash(full, hash_size=16).hash
    full.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=None)
    got = stored(tmp_path / "a.jpg", max_side)
    assert np.abs(np.array(got.shape) - np.asarray(full).shape).max() <= 1
    if got.shape == np.asarray(full).shape:
        assert ((got - np.asarray(full).astype(int)) ** 2).mean() < 255**2 / 10**3.5  # 35 dB
    bits = np.unpackbits(np.frombuffer(good(tmp_path / "a.jpg", max_side).phash, np.uint8)).reshape(16, 16)
    assert (bits != expected).sum() <= 8


def test_modes(tmp_path: Path) -> None:
    color = lesion(7, 100)
    wide = np.asarray(color.convert("L")).astype(np.uint16) * 257
    half = color.convert("RGBA")
    half.putalpha(Image.new("L", (100, 100), 0))
    half.paste(color.crop((0, 0, 100, 50)), (0, 0))
    color.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    color.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    color.convert("L").save(tmp_path / "gray.jpg", quality=95)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    half.save(tmp_path / "half.png")
    color.save(tmp_path / "moving.webp", save_all=True, append_images=[lesion(8, 100)], lossless=True)
    color.save(tmp_path / "pages.tif", save_all=True, append_images=[lesion(8, 100)])
    expected = np.asarray(color).astype(int)
    luma = np.asarray(color.convert("L").convert("RGB")).astype(int)
    for name, target, limit in (
        ("palette.png", expected, 6), ("cmyk.jpg", expected, 6), ("gray.jpg", luma, 2), ("wide.png", luma, 0),
        ("moving.webp", expected, 2), ("pages.tif", expected, 2),
    ):  # fmt: skip
        assert np.abs(stored(tmp_path / name) - target).mean() <= limit, name
    shown = stored(tmp_path / "half.png")
    assert (shown[:50] == expected[:50]).all() and (shown[50:] == 255).all()
    Image.fromarray(np.linspace(0, 1, 10000, dtype=np.float32).reshape(100, 100)).save(tmp_path / "float.tif")
    done = take_in(tmp_path / "float.tif")
    assert isinstance(done, Bad) and "floating point" in done.reason


def test_a_profile_other_than_srgb_is_applied(tmp_path: Path) -> None:
    """With red and green primaries exchanged in the profile, red must come out green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * profile[131], 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    name = profile.find("sRGB".encode("utf-16-be"))
    while name >= 0:
        profile[name : name + 8] = "test".encode("utf-16-be")
        name = profile.find("sRGB".encode("utf-16-be"))
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=bytes(profile))
    assert np.abs(stored(tmp_path / "a.png") - [0, 255, 0]).max() <= 2
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "b.png", icc_profile=b"not a profile")
    assert (stored(tmp_path / "b.png") == [255, 0, 0]).all()


def test_the_same_bytes_again(tmp_path: Path) -> None:
    photo(9, (700, 500)).save(tmp_path / "a.jpg")
    assert good(tmp_path / "a.jpg") == good(tmp_path / "a.jpg")


@pytest.mark.parametrize("side", [32, 64, 65, 150, 200, 256])
def test_the_hash_is_that_of_imagehash(tmp_path: Path, side: int) -> None:
    for seed in range(10):
        lesion(seed, side).save(tmp_path / "a.png")
        expected = imagehash.phash(lesion(seed, side), hash_size=16).hash
        bits = np.unpackbits(np.frombuffer(good(tmp_path / "a.png").phash, np.uint8)).reshape(16, 16)
        assert (bits != expected).sum() <= 8


def test_flat_pictures_share_their_hash(tmp_path: Path) -> None:
    for level in (0, 100, 255):
        Image.new("RGB", (50 + level, 60), (level, level, level)).save(tmp_path / f"{level}.png")
    hashes = {good(tmp_path / f"{level}.png").phash for level in (100, 255)}
    assert hashes == {b"\x80" + bytes(31)}
