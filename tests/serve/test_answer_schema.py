"""The answer bound by the schema, and the reasoning apart; the model in this process (with vLLM: test_engine_faults.py)."""

import asyncio
import json
import random

import pytest
from engine_loop import Loop, chat, spoken, until_ready

from skin_r1.reading import MAX_DIFFERENTIAL, MAX_NAME, ParseFailure, Reading, parse
from skin_r1.serve.engines.local import TransformersEngine
from skin_r1.serve.engines.reasoning import Splitter, chunks_of, event, split_message
from skin_r1.serve.engines.schema import ANSWER_TOKENS, answer_schema, structural_tag


@pytest.fixture(scope="module")
def local(tiny):
    loop = Loop()
    engine = TransformersEngine("tiny-model", str(tiny))
    loop.run(engine.start())
    loop.run(until_ready(engine))
    yield loop, engine
    loop.run(engine.stop())
    loop.close()


@pytest.fixture(scope="module")
def accepts():
    """Whether the grammar of a completion takes a whole text; one byte is one token."""
    xgrammar = pytest.importorskip("xgrammar")
    vocabulary = [bytes([byte]) for byte in range(256)] + [b"<eos>"]
    info = xgrammar.TokenizerInfo(vocabulary, stop_token_ids=[256])
    grammar = xgrammar.GrammarCompiler(info).compile_structural_tag(json.dumps(structural_tag(answer_schema(), 600)))

    def whole(text):
        matcher = xgrammar.GrammarMatcher(grammar)
        return matcher.accept_string(text) and matcher.is_completed()

    return whole


ANSWER = {"findings": ["atypical pigment network"], "differential": ["naevus"], "diagnosis": "melanoma"}
ANSWER |= {"malignancy": "malignant"}


def said(think="brown", **fields):
    return f"<think>{think}</think>\n{json.dumps({**ANSWER, **fields}, ensure_ascii=False)}"


@pytest.mark.parametrize(
    "text",
    [
        said(),
        said("\nlonger than wide, a < b\n"),
        said(findings=[], differential=[]),
        said(diagnosis="Sjögren's (type 2)"),
    ],
)
def test_answers_that_the_grammar_takes_parse(accepts, text):
    assert accepts(text) and isinstance(parse(text), Reading)


@pytest.mark.parametrize(
    "text",
    [
        said(""),
        said("  "),
        said("a<think>b"),
        said(diagnosis=""),
        said(diagnosis="x" * (MAX_NAME + 1)),
        said(diagnosis="</think>"),
        said(malignancy="unsure"),
        said(differential=["x"] * (MAX_DIFFERENTIAL + 1)),
        said(more=1),
        said().replace('"findings"', '"finding"'),
        said() + "{}",
        said().removesuffix("}"),
        "brown " + said(),
        said().replace("</think>", ""),
    ],
)
def test_what_does_not_parse_the_grammar_refuses(accepts, text):
    assert isinstance(parse(text), ParseFailure) and not accepts(text)


@pytest.mark.parametrize("most, thinking", [(1024, 1024 - ANSWER_TOKENS), (100, 50), (1, 1)])
def test_room_is_kept_for_the_answer(most, thinking):
    think = structural_tag(answer_schema(), most)["format"]["elements"][0]
    assert think["content"]["elements"][1]["max_tokens"] == thinking


def test_a_random_model_writes_a_reading_only_with_the_schema(local):
    """A name of random letters may be too long for the room that is left; what is whole can be read."""
    loop, engine = local
    pytest.importorskip("xgrammar")
    assert engine.constrained
    whole = 0
    for temperature in (0.0, 1.0):
        free = loop.run(engine.complete(chat(40, temperature)))["choices"][0]["message"]
        assert isinstance(parse(free), ParseFailure)
        bound = loop.run(engine.complete(chat(300, temperature, schema=answer_schema())))["choices"][0]
        assert bound["message"]["reasoning"] and "<" not in bound["message"]["content"]
        assert (bound["finish_reason"] == "stop") == isinstance(parse(bound["message"]), Reading)
        whole += bound["finish_reason"] == "stop"
    assert whole


def test_the_stream_says_what_the_whole_answer_says(local):
    loop, engine = local
    request = chat(200, 0.8, schema=answer_schema(), top_p=0.9)
    whole = loop.run(engine.complete(request))
    text, usage = loop.run(spoken(engine, request))
    message = whole["choices"][0]["message"]
    assert text == {"reasoning": message.get("reasoning", ""), "content": message["content"]}
    assert usage == whole["usage"]


def test_cancelled_work_ends_and_waiting_work_never_starts(local):
    loop, engine = local

    async def cancel():
        tasks = [asyncio.create_task(engine.complete(chat(1500, 1.0))) for _ in range(4)]
        await asyncio.sleep(0.3)
        assert engine.at_work == 4 and not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(5):
            while engine.at_work:
                await asyncio.sleep(0.05)
        async with asyncio.timeout(5):  # all four would take half a minute
            return await engine.complete(chat(1))

    assert loop.run(cancel())["usage"]["completion_tokens"] == 1


def test_a_stream_that_is_left_gives_the_work_up(local):
    loop, engine = local

    async def leave():
        chunks = engine.stream(chat(1500, 1.0))
        await anext(chunks)
        await chunks.aclose()
        async with asyncio.timeout(5):
            await engine.complete(chat(1))

    loop.run(leave())


TEXTS = [
    "<think>a < b </thin k</think>\n\n{}",
    "none <think>",
    "<think>no end </th",
    "<thi",
    "<think></think>x",
    "",
    "\n<think>q</think>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_reasoning_is_split_off_wherever_the_stream_is_cut(text):
    whole = split_message({"content": text})
    draw = random.Random(0)
    for _ in range(200):
        cuts = sorted(draw.randint(0, len(text)) for _ in range(draw.randint(0, 8)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        ends = [None] * len(pieces) + ["stop"]
        deltas = [{"content": piece} for piece in pieces] + [{}]
        splitter, heard, reasons = Splitter(), {"reasoning": "", "content": ""}, []
        for delta, end in zip(deltas, ends, strict=True):
            for chunk in chunks_of(splitter.feed(event({"choices": [{"delta": delta, "finish_reason": end}]}))):
                reasons.append(chunk["choices"][0]["finish_reason"])
                for key, piece in chunk["choices"][0]["delta"].items():
                    heard[key] += piece
        assert heard == {"reasoning": "", **whole} and reasons.count("stop") == 1 and reasons[-1] == "stop"


def test_events_of_the_answer_pass_untouched():
    odd = b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": null}],   "odd": 1}\n\n'
    splitter = Splitter()
    splitter.feed(odd)
    assert splitter.feed(odd) is odd
