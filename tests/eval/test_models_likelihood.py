"""Likelihoods of diagnoses against a plain loop that reads every text anew, for each family of models."""

import copy
import json
import math
from dataclasses import replace

import pytest
import torch
from PIL import Image

from eval.models.likelihood import label_likelihood, slot
from skin_r1.models import load, with_image_parts
from skin_r1.ontology import load_ontology
from skin_r1.reading import PROMPT, render
from tests.train.tiny_models import BUILDERS

SLUGS = ("melanoma", "melanoma-in-situ", "melanocytic-nevus", "basal-cell-carcinoma", "psoriasis", "spitz-nevus")
NAMES = {slug: load_ontology().name(slug) for slug in SLUGS}
OWN = render("A dark spot; its border is ragged.", ["papule"], ["psoriasis"], "melanocytic nevus", "benign")
MESSAGES = [{"role": "user", "content": PROMPT.format(modality="clinical", history="")}]


@pytest.fixture(scope="module", params=BUILDERS)
def loaded(request, tmp_path_factory):
    texts = [MESSAGES[0]["content"], OWN, *NAMES.values()]
    loaded = load(BUILDERS[request.param](tmp_path_factory.mktemp(request.param), texts), device="cpu")
    torch.manual_seed(0)
    for weight in loaded.model.parameters():
        if not weight.any():  # Gemma 3's way from the image into the text begins at zero
            torch.nn.init.normal_(weight, std=0.06)
    return loaded


@torch.no_grad()
def plainly(loaded, images, completion):
    """Sum and mean of each name's log-probabilities: one text, one forward pass, nothing kept between them."""
    prefix, closing = slot(completion)
    parts = with_image_parts(MESSAGES, len(images))
    prompt = loaded.processor.apply_chat_template(parts, tokenize=False, add_generation_prompt=True)
    read = [
        loaded.processor(text=[prompt + prefix + end], images=[images] if images else None, return_tensors="pt")
        for end in ("", *(json.dumps(name)[1:-1] + closing for name in NAMES.values()))
    ]
    bare, *whole = [inputs["input_ids"][0].tolist() for inputs in read]
    first = min(next(i for i in range(len(ids)) if ids[: i + 1] != bare[: i + 1]) for ids in whole)
    sums, means = [], []
    for inputs, ids in zip(read[1:], whole, strict=True):
        log_p = loaded.model(**inputs).logits[0].double().log_softmax(-1)
        each = [log_p[i - 1, ids[i]].item() for i in range(first, len(ids))]
        sums.append(sum(each))
        means.append(sum(each) / len(each))
    return sums, means


@pytest.mark.parametrize(
    ("completion", "shades"), [(OWN, (90,)), (OWN, ()), ("<think>It is dark.", (30, 200)), ("It is (", (90,))]
)
def test_equal_to_a_plain_loop(loaded, completion, shades):
    images = [Image.new("RGB", (64, 48), (shade, 120, 90)) for shade in shades]
    sums, means = plainly(loaded, images, completion)
    total = math.log(math.fsum(math.exp(each) for each in sums))
    found = label_likelihood(loaded, MESSAGES, images, completion, NAMES, batch_size=4)
    assert list(found.scores) == list(found.means) == list(SLUGS)
    assert list(found.scores.values()) == pytest.approx([each - total for each in sums], abs=1e-5)
    assert list(found.means.values()) == pytest.approx(means, abs=1e-5)
    assert math.fsum(map(math.exp, found.scores.values())) == pytest.approx(1.0, abs=1e-9)
    assert max(found.scores.values()) <= 0


def test_tokens_that_reach_over_the_end_of_the_prefix(loaded):
    """A tokenizer that reads the opening quote and a name's first letters as one token."""
    tokenizer = copy.deepcopy(loaded.processor.tokenizer)
    tokenizer.add_tokens(['"mel'])
    assert len(tokenizer) <= loaded.model.get_input_embeddings().num_embeddings
    processor = copy.copy(loaded.processor)
    processor.tokenizer = tokenizer
    other = replace(loaded, processor=processor)
    sums, means = plainly(other, [Image.new("RGB", (64, 48))], OWN)
    found = label_likelihood(other, MESSAGES, [Image.new("RGB", (64, 48))], OWN, NAMES)
    assert list(found.means.values()) == pytest.approx(means, abs=1e-5)
    total = math.log(math.fsum(math.exp(each) for each in sums))
    assert list(found.scores.values()) == pytest.approx([each - total for each in sums], abs=1e-5)
    assert found != label_likelihood(loaded, MESSAGES, [Image.new("RGB", (64, 48))], OWN, NAMES)


def test_an_image_before_does_not_move_the_places_of_a_text(loaded):
    """Families with positions in three dimensions keep the last image's offset."""
    alone = label_likelihood(loaded, MESSAGES, [], OWN, NAMES)
    label_likelihood(loaded, MESSAGES, [Image.new("RGB", (200, 40))] * 2, OWN, NAMES)
    assert label_likelihood(loaded, MESSAGES, [], OWN, NAMES) == alone


def test_the_answer_read_by_the_model_decides(loaded):
    image = [Image.new("RGB", (64, 48), (90, 120, 90))]
    other = render("Silvery scale on a plaque.", ["scale"], ["eczema"], "psoriasis", "non-neoplastic")
    scores = [label_likelihood(loaded, MESSAGES, image, text, NAMES).scores for text in (OWN, other)]
    assert scores[0] != scores[1]
    blank = [Image.new("RGB", (64, 48))]
    assert label_likelihood(loaded, MESSAGES, blank, OWN, NAMES).scores != scores[0]


@pytest.mark.parametrize(
    ("completion", "prefix", "closing"),
    [
        ('<think>a</think>\n{"diagnosis": "b", "malignancy": "c"}', '<think>a</think>\n{"diagnosis": "', '", "'),
        ('<think>a</think>\n{"x": 1, "diagnosis":"b"}', '<think>a</think>\n{"x": 1, "diagnosis":"', '"}'),
        ('{"diagnosis": "a \\"b\\" c"}\n', '{"diagnosis": "', '"}\n'),
        ('"diagnosis": "a", or "diagnosis": "b"', '"diagnosis": "a", or "diagnosis": "', '"'),
        ("<think>a</think>\nIt is b.", '<think>a</think>\n{"diagnosis": "', '", "'),
        ("<think>a ", '<think>a</think>\n{"diagnosis": "', '", "'),
        ("It is b.", 'It is b.\n{"diagnosis": "', '", "'),
        ("", '\n{"diagnosis": "', '", "'),
    ],
)
def test_where_the_name_stands(completion, prefix, closing):
    assert slot(completion) == (prefix, closing)
