"""A really built tiny model with random weights, and a picture to ask it about."""

import shutil

import pytest
from serving import GOLD, skin_picture

from skin_r1.reading import messages_for


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A checkpoint folder; random weights, so its answers do not parse."""
    from skin_r1.tiny import build_tiny

    prompts = [messages_for({"modality": kind, "history": None})[0]["content"] for kind in ("clinical", "dermoscopic")]
    return build_tiny(tmp_path_factory.mktemp("serve") / "tiny-model", [*prompts, GOLD], seed=0)


@pytest.fixture(scope="session")
def endless(tiny, tmp_path_factory):
    """The same model, but read greedily it ends no answer by itself: then a fault meets its middle on a fast machine too."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    folder = tmp_path_factory.mktemp("endless") / "tiny-model"
    shutil.copytree(tiny, folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny)
    with torch.no_grad():  # the logit of the end is then 0, and the highest of some hundred random ones is not
        model.get_input_embeddings().weight[model.generation_config.eos_token_id] = 0
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def real_picture(request):
    """Bytes of a real clinical picture where the licensed samples are present, else of a drawn one."""
    try:
        folder = request.getfixturevalue("real_data")
    except pytest.skip.Exception:
        return skin_picture()
    return min((folder / "pad_ufes_20").rglob("*.png")).read_bytes()
