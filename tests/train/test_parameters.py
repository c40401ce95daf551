"""Which parameters train and at which rate, on the embedded model and on one of another family."""

import pytest
import torch
from transformers import Idefics3Config, Idefics3ForConditionalGeneration
from trl import SFTConfig

from skin_r1.cli import main as skin_r1
from skin_r1.models import load
from skin_r1.train.data.rows import MOST_RARITY, rarity_factors
from skin_r1.train.model.parameters import freeze, language_lora_targets, parameter_table, parts_of, split_rates
from skin_r1.train.trainer import PartRates, SkinSFTTrainer
from tests.train.conftest import SMALL_SFT, TINY


def idefics():
    text = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 64,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
    }
    return Idefics3ForConditionalGeneration(
        Idefics3Config(
            text_config={"model_type": "llama", "num_key_value_heads": 2, "pad_token_id": 0, **text},
            vision_config={"patch_size": 7, **vision},
            image_token_id=3,
        )
    )


@pytest.fixture(params=["qwen", "idefics"])
def model(request, checkpoint):
    return load(checkpoint).model if request.param == "qwen" else idefics()


def test_every_parameter_has_its_part(model):
    parts = parts_of(model)
    by_name = {name: parts[id(parameter)] for name, parameter in model.named_parameters()}
    assert set(by_name.values()) == {"vision", "projector", "language"}
    for name, part in by_name.items():
        where = "projector" if "merger" in name or "connector" in name else "vision" if "vis" in name else "language"
        assert part == where, name


@pytest.mark.parametrize(("vision", "projector"), [(True, False), (False, True), (True, True), (False, False)])
def test_freezing_stops_just_what_it_names(model, vision, projector):
    frozen = freeze(model, vision=vision, projector=projector)
    parts = parts_of(model)
    still = {parts[id(parameter)] for parameter in model.parameters() if not parameter.requires_grad}
    assert still == {part for part, wanted in (("vision", vision), ("projector", projector)) if wanted}
    assert frozen == sum(p.numel() for p in model.parameters() if not p.requires_grad)
    table = parameter_table(model).splitlines()
    assert table[-1].split()[0] == "total" and len(table) == 4


def test_adapters_go_on_the_language_model_alone(model):
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=language_lora_targets(model)))
    names = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert names and all("lora_" in name for name in names)
    parts = parts_of(adapted)
    assert {parts[id(p)] for p in adapted.parameters() if p.requires_grad} == {"language"}
    layers = {name.split(".lora_")[0].rpartition(".")[2] for name in names}
    assert {"q_proj", "down_proj"} <= layers and "lm_head" not in layers


def test_each_part_learns_at_its_own_rate(model):
    parts = parts_of(model)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=1e-3
    )
    split_rates(optimizer, parts, {"vision": 1e-5, "projector": 1e-4})
    wanted = {"vision": 1e-5, "projector": 1e-4, "language": 1e-3}
    seen = 0
    for group in optimizer.param_groups:
        assert {wanted[parts[id(p)]] for p in group["params"]} == {group["lr"]}
        assert all((p.dim() > 1) == (group["weight_decay"] > 0) for p in group["params"])
        seen += len(group["params"])
    assert seen == len(decay) + len(rest)


def test_the_trainer_divides_its_optimizer(checkpoint, rationales, tmp_path):
    from skin_r1.train.config import SkinSFTConfig
    from skin_r1.train.sft import load_rationales

    loaded = load(checkpoint)
    config = SkinSFTConfig(
        output_dir=str(tmp_path), use_cpu=True, bf16=False, learning_rate=1e-3, vision_learning_rate=1e-5, max_steps=1
    )
    rows = load_rationales(rationales, "train")
    trainer = SkinSFTTrainer(model=loaded.model, args=config, train_dataset=rows, processing_class=loaded.processor)
    rates = {group["lr"] for group in trainer.create_optimizer().param_groups}
    assert rates == {1e-3, 1e-5}
    assert issubclass(SkinSFTTrainer, PartRates) and isinstance(config, SFTConfig)


def test_rare_diagnoses_count_more_and_the_mean_stays_one():
    diagnoses = ["a"] * 900 + ["b"] * 90 + ["c"] * 9 + ["d"]
    factors = rarity_factors(diagnoses, 0.5)
    assert factors["a"] < factors["b"] <= factors["c"] <= factors["d"] <= MOST_RARITY**2 * factors["a"]
    assert sum(factors[name] for name in diagnoses) / len(diagnoses) == pytest.approx(1.0)
    assert set(rarity_factors(diagnoses, 0.0).values()) == {1.0}
    assert factors["a"] / factors["b"] == pytest.approx((900 / 90) ** -0.5, rel=0.3)


def lora(rationales, checkpoint, out, *more):
    command = ["sft", "--config", str(TINY / "sft.yaml"), "--rationales", str(rationales), "--output_dir", str(out)]
    command += ["--model_name_or_path", str(checkpoint), *SMALL_SFT, "--max_steps", "2"]
    return skin_r1([*command, "--lora_r", "4", "--load_in_4bit", "true", *more])


def test_qlora_trains_adapters_on_four_bits_and_leaves_the_vision_tower_whole(
    rationales, checkpoint, tmp_path, capsys
):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (pip install -e '.[qlora]')")
    from skin_r1.train.model.quantize import whole_modules

    assert whole_modules(str(checkpoint)) == ["lm_head", "model.visual", "model.visual.merger"]
    assert lora(rationales, checkpoint, tmp_path / "q", "--use_peft", "true") == 0
    assert "0 of        698,624 parameters train" in capsys.readouterr().out
    adapted = load(tmp_path / "q").model  # the adapter serves on whole weights
    assert any(bool(p.abs().sum() > 0) for name, p in adapted.named_parameters() if "lora_B" in name)


def test_quantized_weights_do_not_train_themselves(rationales, checkpoint, tmp_path, capsys):
    assert lora(rationales, checkpoint, tmp_path / "q") == 2
    assert "quantized weights cannot train; adapters can" in capsys.readouterr().err
