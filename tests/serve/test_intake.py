import base64
import io
import struct
import zlib

import pytest
from PIL import Image
from serving import skin_picture

from skin_r1.serve.intake.picture import ImageLimits, from_data_url, picture
from skin_r1.serve.refused import Refused

LIMITS = ImageLimits()


def encoded(kind, image=None, **save):
    buffer = io.BytesIO()
    (image or Image.new("RGB", (64, 64), "brown")).save(buffer, kind, **save)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that claims any size and has no pixels: what a decompression bomb's header looks like."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


FRAMES = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
BAD = {
    "zero bytes": (b"", 422, "empty_image"),
    "text": (b"hello", 415, "not_an_image"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "not_an_image"),
    "gif": (encoded("GIF"), 415, "not_an_image"),
    "bmp": (encoded("BMP"), 415, "not_an_image"),
    "tiff": (encoded("TIFF"), 415, "not_an_image"),
    "pdf": (b"%PDF-1.7\n", 415, "not_an_image"),
    "truncated jpeg": (skin_picture("JPEG")[:700], 422, "damaged_image"),
    "truncated png": (skin_picture("PNG")[:900], 422, "damaged_image"),
    "png with noise inside": (skin_picture("PNG")[:200] + b"\0" * 500, 422, "damaged_image"),
    "pixel bomb": (png_header(30_000, 30_000), 413, "too_many_pixels"),
    "large bomb": (png_header(8_000, 8_000), 413, "too_many_pixels"),
    "too small": (encoded("PNG", Image.new("RGB", (8, 8))), 422, "too_small"),
    "a line": (encoded("PNG", Image.new("RGB", (900, 20))), 422, "odd_shape"),
    "animated webp": (encoded("WEBP", FRAMES[0], save_all=True, append_images=FRAMES[1:]), 422, "animated"),
    "animated png": (encoded("PNG", FRAMES[0], save_all=True, append_images=FRAMES[1:]), 422, "animated"),
    "too many bytes": (skin_picture("PNG") + b"\0" * LIMITS.max_bytes, 413, "image_too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_refused_with_their_reason(name):
    data, status, code = BAD[name]
    with pytest.raises(Refused) as refusal:
        picture(data, LIMITS)
    assert (refusal.value.status, refusal.value.code) == (status, code)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_good_pictures_come_out_as_rgb(kind):
    clean = picture(skin_picture(kind, size=(96, 80)), LIMITS)
    assert clean.image.mode == "RGB" and clean.image.size == (96, 80)
    assert clean.data_url.startswith("data:image/png;base64,")


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "I;16", "1"])
def test_every_mode_becomes_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert picture(encoded(kind, Image.new(mode, (40, 40))), LIMITS).image.mode == "RGB"


def test_metadata_is_gone_and_the_picture_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    exif[0x010F] = "camera of a named patient"
    data = skin_picture("JPEG", size=(96, 48), exif=exif, comment=b"named patient")
    assert b"named patient" in data
    clean = picture(data, LIMITS)
    sent = base64.b64decode(clean.data_url.split(",")[1])
    assert clean.image.size == (48, 96)
    assert b"named patient" not in sent and not Image.open(io.BytesIO(sent)).getexif()


def test_large_pictures_are_scaled_down():
    assert picture(skin_picture("JPEG", size=(3000, 1500)), LIMITS).image.size == (2048, 1024)


def data_url(data, kind="jpeg"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "url, status, code",
    [
        ("http://example.org/a.jpg", 400, "remote_media_disabled"),
        ("https://169.254.169.254/latest/meta-data", 400, "remote_media_disabled"),
        ("file:///etc/passwd", 400, "remote_media_disabled"),
        ("//example.org/a.jpg", 400, "remote_media_disabled"),
        ("", 400, "remote_media_disabled"),
        (data_url(skin_picture("PNG"), "jpeg"), 415, "type_mismatch"),
        (data_url(skin_picture("JPEG"), "svg+xml"), 415, "not_an_image"),
        (data_url(skin_picture("JPEG"), "gif"), 415, "not_an_image"),
        ("data:text/html;base64,PGI+", 415, "not_an_image"),
        ("data:image/png,raw", 415, "not_an_image"),
        ("data:image/png;base64,***", 400, "bad_base64"),
        ("data:image/png;base64,", 422, "empty_image"),
        ("data:image/png;base64," + "A" * (LIMITS.max_bytes * 4 // 3 + 64), 413, "image_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_urls_are_refused_and_never_fetched(url, status, code):
    with pytest.raises(Refused) as refusal:
        from_data_url(url, LIMITS)
    assert (refusal.value.status, refusal.value.code) == (status, code)


def test_a_data_url_is_read():
    assert from_data_url(data_url(skin_picture("WEBP"), "webp"), LIMITS).image.size == (96, 80)
