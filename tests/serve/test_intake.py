"""Pictures in data URLs; what decoding refuses is in test_picture_attacks.py."""

import base64

import pytest
from serving import skin_picture

from skin_r1.serve.intake.picture import ImageLimits, read_data_url
from skin_r1.serve.refused import Refused

LIMITS = ImageLimits()


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
        ("ftp://example.org/a.jpg", 400, "remote_media_disabled"),
        (data_url(skin_picture("JPEG"), "svg+xml"), 415, "not_an_image"),
        (data_url(skin_picture("JPEG"), "gif"), 415, "not_an_image"),
        ("data:text/html;base64,PGI+", 415, "not_an_image"),
        ("data:image/png,raw", 415, "not_an_image"),
        ("data:image/png;base64,***", 400, "bad_base64"),
        ("data:image/png;base64," + "A" * (LIMITS.max_bytes * 4 // 3 + 64), 413, "image_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_urls_are_refused_and_never_fetched(url, status, code):
    with pytest.raises(Refused) as refusal:
        read_data_url(url, LIMITS)
    assert (refusal.value.status, refusal.value.code) == (status, code)


def test_a_data_url_is_read():
    data = skin_picture("WEBP")
    assert read_data_url(data_url(data, "webp"), LIMITS) == (data, "WEBP")
    assert read_data_url(data_url(data, "JPG"), LIMITS) == (data, "JPEG")  # a false declaration is found by decoding
