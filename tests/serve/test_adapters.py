"""Several LoRA adapters on one model, each by its name."""

import asyncio

import pytest
import torch
from engine_loop import chat, until_ready

from skin_r1.serve.engines.local import TransformersEngine


@pytest.fixture(scope="module")
def adapters(tiny, tmp_path_factory):
    """Two adapters with random weights, large enough to change what is said."""
    from peft import LoraConfig, get_peft_model

    from skin_r1.models import load

    folders = {}
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        targets = r".*language_model.*\.(q|k|v|o)_proj"
        config = LoraConfig(r=4, lora_alpha=256, target_modules=targets, init_lora_weights=False)
        folders[name] = str(tmp_path_factory.mktemp("adapters") / name)
        get_peft_model(load(tiny).model, config).save_pretrained(folders[name])
    return folders


def texts(model, adapters, names):
    """What each name says to one question, asked in turn."""

    async def ask():
        engine = TransformersEngine("tiny", model, adapters)
        await engine.start()
        await until_ready(engine)
        assert set(engine.names) >= {name for name in names if name}
        answers = [await engine.complete(chat(16, model=name)) for name in names]
        await engine.stop()
        assert [answer["model"] for answer in answers] == [name or engine.names[0] for name in names]
        return [answer["choices"][0]["message"]["content"] for answer in answers]

    return asyncio.run(ask())


def test_each_name_answers_with_its_own_weights(tiny, adapters):
    first, second, base, again, default = texts(str(tiny), adapters, ["first", "second", "tiny", "first", None])
    assert len({first, second, base}) == 3 and first == again == default
    assert [base] == texts(str(tiny), None, ["tiny"])
    assert [second, base] == texts(str(tiny), adapters["second"], ["tiny", "tiny-base"])
