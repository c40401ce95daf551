"""The plan against the real thing: published sizes, tensors of a tiny model in training, files on disk, a tracked peak."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch.autograd.graph import saved_tensors_hooks
from torch.distributed._tools.mem_tracker import MemTracker
from trl.kernels import ChunkedLogProbFunction

from skin_r1.cli import main as skin_r1
from skin_r1.cli import run_main
from skin_r1.models import load, with_image_parts
from skin_r1.train.plan.advice import advise, peak_bytes, verdict
from skin_r1.train.plan.architecture import find_architecture, image_size_in_tokens, shipped
from skin_r1.train.plan.cost import SMALL_FILES, checkpoint_bytes, step_cost, training_flops
from skin_r1.train.plan.hardware import GPU, gpu
from skin_r1.train.plan.main import main as plan
from skin_r1.train.plan.memory import (
    BYTES_4BIT,
    BYTES_8BIT,
    HEAD_COLUMNS,
    Tokens,
    activation_bytes,
    head_bytes,
    key_value_bytes,
    peaks,
    state_bytes,
    vllm_room,
)
from skin_r1.train.plan.model import measure
from skin_r1.train.plan.run import Run, read_sharding
from tests.train.conftest import ROOT, SMALL_SFT, TINY
from tests.train.tiny_models import BUILDERS

ACCELERATE = ROOT / "recipes" / "accelerate"
PATTERN = r"^model\.language_model\..*\.(q|k|v|o|gate|up|down)_proj$"
WORDS = ["a pigment network of melanoma", "hello", "<think>nevus</think>"]


def a_run(**changes):
    values = {
        "stage": "sft",
        "dtype": torch.float32,
        "lora": None,
        "freeze_vision": False,
        "freeze_projector": False,
        "quantized": 0,
        "sharding": "none",
        "gpus": 1,
        "offload": False,
        "batch": 4,
        "accumulation": 1,
        "checkpointing": False,
        "optimizer": "adamw_torch",
        "generated": 0,
        "reference": False,
        "rollouts": "none",
        "vllm_share": 0.3,
        "vllm_sleeps": False,
        "generations": 1.0,
        "kept_checkpoints": 3,
    }
    return Run(**{**values, **changes})


def sizes_of(architecture, run):
    return measure(
        architecture,
        dtype=run.dtype,
        lora=run.lora,
        freeze_vision=run.freeze_vision,
        freeze_projector=run.freeze_projector,
    )


@pytest.fixture(scope="module")
def seven_b():
    architecture = find_architecture("Qwen/Qwen2.5-VL-7B-Instruct")
    return sizes_of(architecture, a_run(dtype=torch.bfloat16, freeze_vision=True))


@pytest.fixture(scope="module", params=list(BUILDERS))
def family(request, tmp_path_factory):
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param), WORDS)


@pytest.mark.parametrize("hub_id", shipped())
def test_a_shipped_architecture_has_the_published_bytes(hub_id):
    facts = shipped()[hub_id]
    sizes = sizes_of(find_architecture(hub_id), a_run(dtype=torch.bfloat16))
    assert sizes.total * 2 == facts["published_bytes"]
    assert sizes.trained == sizes.total and 0.04 < sizes.vision / sizes.total < 0.1


@pytest.mark.parametrize(
    ("hub_id", "side", "tokens", "patches"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", 448, 256, 1024),  # (448 / 14 / 2) squared
        ("Qwen/Qwen2.5-VL-7B-Instruct", 28, 4, 16),  # scaled up to the least number of pixels
        ("Qwen/Qwen3-VL-8B-Instruct", 448, 196, 784),  # patches of 16 pixels
        ("google/medgemma-4b-it", 448, 256, 4096),  # always 896 pixels, pooled to 256
    ],
)
def test_image_tokens_follow_from_pixels_patches_and_merging(hub_id, side, tokens, patches):
    assert image_size_in_tokens(find_architecture(hub_id), side) == (tokens, patches)


def test_image_tokens_are_those_of_the_processor(family):
    loaded = load(family)
    architecture = find_architecture(str(family))
    for side in (30, 56, 200):
        inputs = batch(loaded, 1, side)
        placeholder = getattr(loaded.model.config, "image_token_id", None) or loaded.model.config.image_token_index
        assert image_size_in_tokens(architecture, side)[0] == int((inputs["input_ids"] == placeholder).sum())


def batch(loaded, rows, side=56, words=100):
    message = [{"role": "user", "content": "hello " * words}, {"role": "assistant", "content": "nevus " * words}]
    text = loaded.processor.apply_chat_template(with_image_parts(message, 1), tokenize=False)
    images = [[Image.new("RGB", (side, side))]] * rows
    return loaded.processor(text=[text] * rows, images=images, padding=True, return_tensors="pt")


@pytest.mark.parametrize("rank", [None, 8])
def test_weights_gradients_and_optimizer_are_those_of_a_real_step(family, rank):
    lora = None if rank is None else LoraConfig(r=rank, target_modules=PATTERN)
    run = a_run(lora=lora)
    predicted = state_bytes(sizes_of(find_architecture(str(family)), run), run)
    loaded = load(family)
    model = loaded.model.train() if lora is None else get_peft_model(loaded.model, lora)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    model(**batch(loaded, 2)).logits.mean().backward()
    for parameter in model.parameters():  # the last vision block's unused outputs have none in some families
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    weights = sum(p.numel() * p.itemsize for p in model.parameters())
    gradients = sum(p.grad.numel() * p.itemsize for p in model.parameters() if p.grad is not None)
    moments = [t for state in optimizer.state.values() for t in state.values() if t.dim()]
    assert predicted["weights"] == weights
    assert predicted["gradients"] == gradients
    assert predicted["optimizer states"] == sum(t.numel() * t.itemsize for t in moments)


@pytest.mark.parametrize("rank", [None, 8])
def test_what_autograd_keeps_is_counted_as_it_is(family, rank):
    lora = None if rank is None else LoraConfig(r=rank, target_modules=PATTERN)
    sizes = sizes_of(find_architecture(str(family)), a_run(lora=lora))
    model = load(family).model
    if lora is not None:
        get_peft_model(model, lora)
    decoder, tokens = model.get_decoder().eval(), 192
    own = {p.untyped_storage().data_ptr() for p in (*decoder.parameters(), *decoder.buffers())}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    embeddings = torch.randn(1, tokens, sizes.hidden, requires_grad=True)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        decoder(inputs_embeds=embeddings, use_cache=False)
    measured = sum(size for size, _ in kept.values())
    assert 0.97 * measured <= sizes.saved * sizes.layers * tokens <= 1.15 * measured


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_peak_of_a_real_step_is_within_a_half_above_and_never_below(family, checkpointing):
    loaded = load(family)
    model, inputs = loaded.model.train(), batch(loaded, 4)
    if checkpointing:
        model.gradient_checkpointing_enable()
    tracker = MemTracker()
    tracker.track_external(model)
    with tracker:
        model.model(**inputs).last_hidden_state.mean().backward()
    measured = sum(device["Total"] for device in tracker.get_tracker_snapshot("peak").values())
    architecture, run = find_architecture(str(family)), a_run(checkpointing=checkpointing)
    sizes = sizes_of(architecture, run)
    tokens = Tokens(inputs["input_ids"].shape[1], 0, image_size_in_tokens(architecture, 56)[1])
    states = state_bytes(sizes, run)
    predicted = states["weights"] + states["gradients"] + activation_bytes(sizes, run, tokens)
    assert measured <= predicted <= 1.5 * measured


def test_the_output_projection_is_what_trl_allocates(family):
    sizes = sizes_of(find_architecture(str(family)), a_run())
    head = load(family).model.get_output_embeddings()
    hidden = torch.randn(4 * 200, sizes.hidden, requires_grad=True)  # [tokens, hidden]
    words = torch.zeros(len(hidden), dtype=torch.long)
    tracker = MemTracker()
    tracker.track_external(head)
    with tracker:
        scored = ChunkedLogProbFunction.apply(
            hidden, head.weight, None, words, 1.0, HEAD_COLUMNS, None, 1.0, ("log_probs",)
        )
        scored[0].sum().backward()
    measured = sum(device["Total"] for device in tracker.get_tracker_snapshot("peak").values())
    predicted = head_bytes(sizes, a_run(batch=4), Tokens(0, 200, 0)) + sizes.head * 4
    assert 0.9 * measured <= predicted <= 1.1 * measured


@pytest.mark.parametrize("lora", [False, True])
def test_a_checkpoint_takes_the_room_that_is_planned(lora, rationales, checkpoint, tmp_path):
    command = [
        "sft",
        "--config",
        str(TINY / "sft.yaml"),
        "--rationales",
        str(rationales),
        "--output_dir",
        str(tmp_path),
    ]
    command += ["--model_name_or_path", str(checkpoint), *SMALL_SFT, "--max_steps", "2"]
    command += ["--save_strategy", "steps", "--save_steps", "2"]
    command += ["--use_peft", "true", "--lora_r", "8", "--lora_target_modules", PATTERN] if lora else []
    assert skin_r1(command) == 0
    run = a_run(lora=LoraConfig(r=8, target_modules=PATTERN) if lora else None)
    kept, output = checkpoint_bytes(sizes_of(find_architecture(str(checkpoint)), run), run)
    name = "adapter_model.safetensors" if lora else "model.safetensors"
    weights = (tmp_path / "checkpoint-2" / name).stat().st_size
    optimizer = (tmp_path / "checkpoint-2" / "optimizer.pt").stat().st_size
    assert output - SMALL_FILES == pytest.approx((tmp_path / name).stat().st_size, rel=0.05)
    assert kept - SMALL_FILES == pytest.approx(weights + optimizer, rel=0.1)
    others = sum(f.stat().st_size for f in (tmp_path / "checkpoint-2").iterdir()) - weights - optimizer
    assert others < SMALL_FILES


def test_sharding_divides_what_it_shards(seven_b):
    def states(sharding, **changes):
        return state_bytes(seven_b, a_run(dtype=torch.bfloat16, gpus=8, sharding=sharding, **changes))

    trained = seven_b.trained
    assert states("ddp")["weights"] == seven_b.total * 2 and states("ddp")["optimizer states"] == trained * 4
    assert states("zero1")["optimizer states"] == trained * 12 / 8 and states("zero1")["gradients"] == trained * 2
    assert states("zero2")["gradients"] == trained * 2 / 8 and states("zero2")["weights"] == seven_b.total * 2
    assert states("zero3")["weights"] == seven_b.total * 2 / 8
    fully = states("fsdp2")
    assert fully["optimizer states"] == trained * 8 / 8 and fully["gradients"] == trained * 4 / 8
    assert fully["weights"] == (seven_b.total * 2 + trained * 2) / 8  # what trains is held in float32
    assert states("zero3", offload=True)["optimizer states"] == 0
    assert states("zero3", reference=True)["reference model"] == seven_b.total * 2 / 8
    assert states("ddp", optimizer="paged_adamw_8bit")["optimizer states"] == trained * 2


@pytest.mark.parametrize(("bits", "each"), [(4, BYTES_4BIT), (8, BYTES_8BIT)])
def test_quantized_weights_and_adapters(bits, each):
    lora = LoraConfig(r=64, target_modules=PATTERN)
    run = a_run(dtype=torch.bfloat16, lora=lora, quantized=bits)
    sizes = sizes_of(find_architecture("Qwen/Qwen2.5-VL-7B-Instruct"), run)
    expected = sizes.quantizable * each + (sizes.total - sizes.quantizable) * 2 + sizes.adapters * 2
    assert state_bytes(sizes, run)["weights"] == expected
    assert state_bytes(sizes, a_run(dtype=torch.bfloat16, lora=lora, reference=True))["reference model"] == 0
    per_layer = sum(i + o for i, o in ((3584, 3584), (3584, 512), (3584, 512), (3584, 3584), *[(3584, 18944)] * 3))
    assert sizes.adapters == 28 * 64 * per_layer


def test_a_sliding_window_bounds_the_cache():
    sizes = sizes_of(find_architecture("google/medgemma-4b-it"), a_run(dtype=torch.bfloat16))
    token = 2 * 4 * 256 * 2  # keys and values, heads, width, bytes
    assert key_value_bytes(sizes, 1000) == 34 * 1000 * token
    assert key_value_bytes(sizes, 3000) == (29 * 1024 + 5 * 3000) * token


def test_colocated_rollouts_take_their_share_and_give_it_back_asleep(seven_b):
    card, tokens = gpu("h100-80gb"), Tokens(640, 1024, 1024)
    run = a_run(stage="grpo", dtype=torch.bfloat16, rollouts="colocate", vllm_share=0.35, generated=32)
    share = 0.35 * card.memory
    assert peaks(seven_b, run, tokens, card)["training"]["vLLM's share"] == share
    asleep = peaks(seven_b, a_run(**{**vars(run), "vllm_sleeps": True}), tokens, card)
    assert asleep["training"]["vLLM's share"] == 0 and asleep["rollouts"]["vLLM's share"] == share
    own = peaks(seven_b, a_run(**{**vars(run), "rollouts": "transformers"}), tokens, card)["rollouts"]
    assert own["keys and values"] == 32 * key_value_bytes(seven_b, 1664)
    assert vllm_room(seven_b, run, tokens, share) > 1 > vllm_room(seven_b, run, tokens, 0.1 * card.memory)
    assert verdict(seven_b, a_run(**{**vars(run), "vllm_share": 0.1}), tokens, card) == "does not fit"


def test_arithmetic_follows_the_known_rule(seven_b):
    """About 6 operations per parameter and token for full training (Kaplan et al. 2020); adapters spare a third."""
    run, tokens = a_run(dtype=torch.bfloat16), Tokens(1, 999, 0)
    multiplying = seven_b.total - seven_b.vision - seven_b.head
    assert 1.0 < training_flops(seven_b, run, tokens) / (6 * multiplying * 1000) < 1.05
    with_adapters = training_flops(seven_b, a_run(dtype=torch.bfloat16, lora=LoraConfig()), tokens)
    assert with_adapters == pytest.approx(training_flops(seven_b, run, tokens) * 2 / 3)
    cost = step_cost(seven_b, run, tokens, GPU("half", 1.0, 1e12, 1.0), servers=1, mfu=0.5, mbu=0.5)
    assert (cost.rows, cost.tokens) == (4, 4000) and cost.seconds == cost.flops / 0.5e12


def test_advice_is_ranked_and_each_change_does_what_it_says(seven_b):
    card, tokens = gpu("a100-40gb"), Tokens(640, 512, 1024)
    run = a_run(dtype=torch.bfloat16, freeze_vision=True)
    architecture = find_architecture("Qwen/Qwen2.5-VL-7B-Instruct")
    with_adapters = sizes_of(architecture, a_run(**{**vars(run), "lora": LoraConfig(r=64)}))
    advice = advise(lambda other: with_adapters if other.lora else seven_b, run, tokens, card)
    verdicts = [after for _, _, after in advice]
    assert verdicts == sorted(verdicts, key=["fits", "tight", "does not fit"].index)
    saved = {words: value for words, value, _ in advice}
    checkpointed = a_run(**{**vars(run), "checkpointing": True})
    gained = peak_bytes(seven_b, run, tokens, card) - peak_bytes(seven_b, checkpointed, tokens, card)
    assert saved["activation_checkpointing: true"] == gained > 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cpu", ("ddp", 2, False)),
        ("ddp", ("ddp", 8, False)),
        ("zero2", ("zero2", 8, False)),
        ("zero3", ("zero3", 8, False)),
        ("fsdp2", ("fsdp2", 8, False)),
    ],
)
def test_the_accelerate_configurations_are_understood(name, expected):
    assert read_sharding(ACCELERATE / f"{name}.yaml") == expected


FULL = str(ROOT / "recipes" / "qwen2_5_vl_7b" / "sft_full.yaml")


def test_the_command_prints_a_plan_and_what_to_change(capsys):
    assert run_main(plan, ["--config", FULL, "--gpu", "a100-40gb", "--rows", "3200", "--num_train_epochs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "does not fit" in printed and "800 steps" in printed
    first = printed[printed.index("what helps most first") :].splitlines()[1]
    assert "fits" in first


def test_weights_in_eight_bits_are_planned_between_four_and_sixteen(capsys):
    recipe = ["--config", str(ROOT / "recipes" / "qwen2_5_vl_7b" / "sft.yaml")]
    weights = []
    for more in ([], ["--load_in_8bit", "true"], ["--load_in_4bit", "true"]):
        assert run_main(plan, [*recipe, *more]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  weights")]
        weights.append(float(line.split()[1]))
    assert weights[0] > 1.5 * weights[1] > 1.5 * 1.2 * weights[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", FULL, "--model_name_or_path", "someone/unknown"], "architecture is not known"),
        (["--config", FULL, "--accelerate", "nowhere.yaml"], "no such accelerate configuration"),
        (["--config", FULL, "--mfu", "2"], "allowed is a share"),
        (["--config", FULL, "--rows", "0"], "allowed are 1 and more"),
        (["--config", FULL, "--gpus", "0"], "allowed are 1 and more"),
        (["--config", "nowhere.yaml"], "no such recipe"),
        (["--config", str(TINY / "phantom.yaml")], "does not train"),
        (["--config", FULL, "--max_length", "5"], "would cut image tokens"),
    ],
)
def test_a_mistake_is_named(arguments, message, capsys):
    assert run_main(plan, arguments) == 2
    assert message in capsys.readouterr().err


def test_the_tiny_recipes_are_planned_too(checkpoint, capsys):
    assert run_main(plan, ["--config", str(TINY / "sft.yaml"), "--gpu", "cpu"]) == 0
    model = ["--model_name_or_path", str(checkpoint)]
    assert run_main(plan, ["--config", str(TINY / "grpo.yaml"), "--gpu", "cpu", "--image_size", "56", *model]) == 0
    assert "keys and values" in capsys.readouterr().out
