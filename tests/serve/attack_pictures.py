"""Pictures and other bytes as an attacker or a careless program sends them."""

import io
import struct
import zipfile
import zlib

from PIL import Image, ImageCms, PngImagePlugin
from serving import skin_picture

SECRET = b"Jane Patient 51.5007N"
FRAMES = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]


def encoded(kind, image=None, **save):
    buffer = io.BytesIO()
    (image or Image.new("RGB", (64, 64), "brown")).save(buffer, kind, **save)
    return buffer.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, pixels, *more):
    """A PNG that claims a size; `pixels` are its compressed ones, which may be others than claimed."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(megabytes):
    """Compressed zeros, a thousandth of their size."""
    packer = zlib.compressobj(9)
    return b"".join([packer.compress(bytes(2**20)) for _ in range(megabytes)]) + packer.flush()


def with_chunk(name, data):
    """A good PNG with one more chunk."""
    good = skin_picture("PNG")
    return good[:33] + chunk(name, data) + good[33:]


def jpeg_of(width, height):
    """A JPEG whose header claims a size."""
    good = bytearray(skin_picture("JPEG"))
    at = good.index(b"\xff\xc0") + 5
    good[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(good)


def webp_of(width, height):
    """A WebP whose extended header claims a canvas."""
    still = encoded("WEBP", lossless=True)[12:]
    extended = (
        b"VP8X" + struct.pack("<II", 10, 0) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    )
    return b"RIFF" + struct.pack("<I", 4 + len(extended) + len(still)) + b"WEBP" + extended + still


def lossy_webp_of(width, height):
    """A WebP whose frame's header claims a size."""
    good = bytearray(encoded("WEBP"))
    assert good[12:16] == b"VP8 "
    good[26:30] = struct.pack("<HH", width, height)
    return bytes(good)


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("run.sh", SECRET)
    return buffer.getvalue()


def linear_profile():
    """The sRGB profile with its three tone curves replaced by gamma 1 (ICC.1:2022, 10.6), under another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for number in range(struct.unpack(">I", profile[128:132])[0]):
        name, at, size = struct.unpack(">4sII", profile[132 + 12 * number : 144 + 12 * number])
        if name in (b"rTRC", b"gTRC", b"bTRC"):  # parametric curve of type 0: Y = X^g, g in 16.16
            profile[at : at + size] = (b"para\0\0\0\0\0\0\0\0\0\1\0\0").ljust(size, b"\0")
        if name == b"desc":
            profile[at : at + size] = bytes(profile[at : at + size]).replace(
                "sRGB".encode("utf-16-be"), "flat".encode("utf-16-be")
            )
    return bytes(profile)


def with_metadata(kind):
    """Position, camera, remarks, XMP and a color profile, all of which name the patient."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x9286] = 6, SECRET.decode(), SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 2.5), 3: "W", 4: (0.0, 7.0, 4.0), 29: SECRET.decode()})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"
    save = {"exif": exif, "icc_profile": profile + SECRET, "xmp": xmp}
    if kind == "JPEG":
        save["comment"] = SECRET
    if kind == "PNG":
        save["pnginfo"] = PngImagePlugin.PngInfo()
        save["pnginfo"].add_text("Patient", SECRET.decode())
        save["pnginfo"].add_itxt("Patient", SECRET.decode(), zip=False)
        save["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
        del save["xmp"]
    return skin_picture(kind, size=(96, 48), **save)


MANY, SMALL, LARGE = zeros(256), zeros(1), zeros(120)
REFUSED = {  # name: bytes, status, code
    "nothing": (b"", 422, "empty_image"),
    "text": (b"hello", 415, "not_an_image"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 415, "not_an_image"),
    "html": (b"<!doctype html><script>alert(1)</script>", 415, "not_an_image"),
    "pdf": (encoded("PDF"), 415, "not_an_image"),
    "eps": (encoded("EPS"), 415, "not_an_image"),
    "gif": (encoded("GIF"), 415, "not_an_image"),
    "animated gif": (encoded("GIF", FRAMES[0], save_all=True, append_images=FRAMES[1:]), 415, "not_an_image"),
    "bmp": (encoded("BMP"), 415, "not_an_image"),
    "ico": (encoded("ICO"), 415, "not_an_image"),
    "tiff": (encoded("TIFF"), 415, "not_an_image"),
    "jpeg 2000": (encoded("JPEG2000"), 415, "not_an_image"),
    "avif": (encoded("AVIF"), 415, "not_an_image"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), 415, "not_an_image"),
    "psd": (b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 30_000, 30_000, 8, 3) + bytes(64), 415, "not_an_image"),
    "fits": (
        b"SIMPLE  =                    T".ljust(80) + b"BITPIX  =                    8".ljust(2800),
        415,
        "not_an_image",
    ),
    "gifar": (encoded("GIF") + archive(), 415, "not_an_image"),
    "pdf before jpeg": (b"%PDF-1.7\n" + skin_picture("JPEG"), 415, "not_an_image"),
    "truncated jpeg": (skin_picture("JPEG")[:700], 422, "damaged_image"),
    "truncated png": (skin_picture("PNG")[:900], 422, "damaged_image"),
    "truncated webp": (skin_picture("WEBP")[:300], 415, "not_an_image"),
    "noise inside": (skin_picture("PNG")[:200] + bytes(500), 422, "damaged_image"),
    "100 megapixels, png": (png(10_000, 10_000, SMALL), 413, "too_many_pixels"),
    "100 megapixels, jpeg": (jpeg_of(10_000, 10_000), 413, "too_many_pixels"),
    "100 megapixels, webp": (webp_of(10_000, 10_000), 413, "too_many_pixels"),
    "900 megapixels": (png(30_000, 30_000, SMALL), 413, "too_many_pixels"),
    "largest png": (png(2**31 - 1, 2**31 - 1, SMALL), 413, "too_many_pixels"),
    "100 megapixels, lossy webp": (lossy_webp_of(10_000, 10_000), 413, "too_many_pixels"),
    "largest webp": (webp_of(2**14, 2**14), 413, "too_many_pixels"),
    "no width": (png(0, 64, SMALL), 415, "not_an_image"),
    "text bomb": (with_chunk(b"zTXt", b"a\0\0" + MANY), 415, "not_an_image"),
    "international text bomb": (with_chunk(b"iTXt", b"a\0\1\0\0\0" + MANY), 415, "not_an_image"),
    "profile bomb": (with_chunk(b"iCCP", b"a\0\0" + MANY), 415, "not_an_image"),
    "too small": (encoded("PNG", Image.new("RGB", (8, 8))), 422, "too_small"),
    "a line": (encoded("PNG", Image.new("RGB", (900, 20))), 422, "odd_shape"),
    "animated webp": (encoded("WEBP", FRAMES[0], save_all=True, append_images=FRAMES[1:]), 422, "animated"),
    "animated png": (encoded("PNG", FRAMES[0], save_all=True, append_images=FRAMES[1:]), 422, "animated"),
    "too many bytes": (skin_picture("PNG") + bytes(10 * 2**20), 413, "image_too_large"),
}
SERVED = {  # name: bytes, width and height that come out
    "36 megapixels, png": (png(6_000, 6_000, LARGE), (2048, 2048)),
    "36 megapixels, jpeg": (
        encoded("JPEG", Image.new("RGB", (6_000, 6_000), "brown"), progressive=True),
        (2048, 2048),
    ),
    "36 megapixels, webp": (encoded("WEBP", Image.new("RGB", (6_000, 6_000), "brown"), method=0), (2048, 2048)),
    "36 megapixels, transparent": (encoded("PNG", Image.new("RGBA", (6_000, 6_000), (90, 60, 40, 128))), (2048, 2048)),
    "more pixels than claimed": (png(64, 64, MANY), (64, 64)),
    "zip behind jpeg": (skin_picture("JPEG") + archive(), (96, 80)),
    "html behind png": (skin_picture("PNG") + b"<script>" + SECRET + b"</script>", (96, 80)),
    "script in a comment": (skin_picture("JPEG", comment=b"*/=alert(1)/*" + SECRET), (96, 80)),
    "jpeg with a preview": (encoded("MPO", FRAMES[0], save_all=True, append_images=FRAMES[1:]), (32, 32)),
    "profile of noise": (skin_picture("JPEG", icc_profile=bytes(range(256)) * 20), (96, 80)),
    "broken exif": (skin_picture("JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + SECRET), (96, 80)),
    "huge exif": (with_chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + SECRET * 200_000), (96, 80)),
    "jpeg with metadata": (with_metadata("JPEG"), (48, 96)),
    "png with metadata": (with_metadata("PNG"), (48, 96)),
    "webp with metadata": (with_metadata("WEBP"), (48, 96)),
}
