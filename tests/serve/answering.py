"""An engine that says what a test gives it, and the parts of a request: the logic over answers is tested, not an engine."""

import asyncio
import base64

from serving import skin_picture

from skin_r1.reading import render
from skin_r1.serve.answer.diagnose import diagnose
from skin_r1.serve.answer.settings import AnswerSettings
from skin_r1.serve.intake.picture import Advice, Picture
from skin_r1.serve.intake.requests import Ask

NEVUS = render("I see a regular border here.", ["regular border"], ["melanoma"], "melanocytic nevus", "benign")
WART = render("I see scale.", ["scale"], ["melanocytic nevus"], "common wart", "benign")
MELANOMA = render("I see an irregular border.", ["irregular border"], [], "melanoma", "malignant")
SHOWN = Picture("data:image/png;base64," + base64.b64encode(skin_picture("PNG")).decode(), 96, 80)


def blurred(code="blurred", level="refuse"):
    return Picture(SHOWN.data_url, 96, 80, (Advice(code, level, "hold the camera still"),))


class Speaker:
    """Answers by the seed: `texts[0]` greedily, `texts[i]` for seed i; keeps what it was asked."""

    name, names, constrained = "speaker", ("speaker",), False

    def __init__(self, *texts):
        self.texts, self.asked, self.together, self.at_work = texts, [], 0, 0

    async def complete(self, chat):
        self.asked.append(chat)
        self.at_work += 1
        self.together = max(self.together, self.at_work)
        await asyncio.sleep(0)
        self.at_work -= 1
        text = self.texts[0 if chat.temperature == 0 else chat.seed % len(self.texts)]
        if isinstance(text, Exception):
            raise text
        return {"choices": [{"message": {"role": "assistant", "content": text}}]}

    async def stream(self, chat):
        message = (await self.complete(chat))["choices"][0]["message"]
        for word in message["content"].split(" "):
            yield {"choices": [{"delta": {"content": word + " "}}]}
        yield {"choices": [], "usage": {}}


def answered(*texts, settings=None, pictures=(SHOWN,), emit=None, **fields):
    """What `diagnose` answers when an engine says `texts`."""
    settings = settings or AnswerSettings(samples=max(1, len(texts)))
    return asyncio.run(diagnose(Speaker(*texts), Ask(**fields), pictures, settings, emit))


def flags(answer):
    return {flag["rule"] for flag in answer["triage"]["flags"]}
