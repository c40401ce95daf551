"""A really built tiny model with random weights, and a picture to ask it about."""

import pytest
from serving import GOLD, skin_picture

from skin_r1.reading import messages_for


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A checkpoint folder; random weights, so its answers do not parse."""
    from skin_r1.tiny import build_tiny

    prompts = [messages_for({"modality": kind, "history": None})[0]["content"] for kind in ("clinical", "dermoscopic")]
    return build_tiny(tmp_path_factory.mktemp("serve") / "tiny-model", [*prompts, GOLD], seed=0)


@pytest.fixture
def real_picture(request):
    """Bytes of a real clinical picture where the licensed samples are present, else of a drawn one."""
    try:
        folder = request.getfixturevalue("real_data")
    except pytest.skip.Exception:
        return skin_picture()
    return min((folder / "pad_ufes_20").rglob("*.png")).read_bytes()
