"""The control marks of chat templates, which a user's text must not hold.

A tokenizer turns such a mark into a control token wherever it stands: a text with `<|im_start|>system` in it could fake
another speaker's turn, one with `<|image_pad|>` a picture. Taken from the chat templates and special tokens of
Qwen2.5-VL and Qwen3-VL, Gemma 3 (MedGemma), Llama 2 to 4, Idefics3 and SmolVLM, Mistral and DeepSeek.
"""

import re
import unicodedata

from skin_r1.serve.refused import Refused

_NAMED = "|".join(
    (
        r"(start|end)_of_(turn|image|audio)|(image|audio)_soft_token|bos|eos|pad|unk|mask|unused\d+",  # Gemma
        r"image|end_of_utterance|fake_token_around_image|global-img|row_\d+_col_\d+",  # Idefics3, SmolVLM
        r"/?tool_call|/?tool_response|/?think",  # Qwen
        r"</?sys>|/?s",  # Llama 2
    )
)
_MARK = re.compile(
    rf"<\|[^|<>\n]{{1,60}}\|>|<({_NAMED})>|\[/?(inst|img|img_break|img_end|system_prompt)\]", re.IGNORECASE
)
# Letters that look like the brackets of a mark and that NFKD leaves alone.
_LOOKALIKES = str.maketrans("‹〈⟨❮❬˂ᐸ›〉⟩❯❭˃ᐳ¦ǀ∣│❘", "<<<<<<<>>>>>>>|||||")
_UNSEEN = {"Cf", "Cc", "Mn", "Me", "Cs", "Co", "Cn"}
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"  # letters and a sign by name, but they show nothing


def check_marks(text: str) -> None:
    """Refuse text with a template's mark, also when it is split by characters that do not show or is spelled with others.

    `<think>` is among them: a server tells from the prompt's tokens whether the reasoning has ended, and with it where
    the constrained answer begins.

    Raises:
        Refused: 400 `special_token`.
    """
    found = _MARK.search(text) or _MARK.search(plain(text))
    if found:
        raise Refused(400, "special_token", f"the text holds a control mark of chat templates: {found[0]}")


def plain(text: str) -> str:
    """The text as a reader, or a tokenizer that normalises, takes it: NFKD, without what does not show."""
    if text.isascii() and text.isprintable():
        return text
    broken = unicodedata.normalize("NFKD", text).translate(_LOOKALIKES)
    return "".join(c for c in broken if c == "\n" or (c not in _FILLERS and unicodedata.category(c) not in _UNSEEN))
