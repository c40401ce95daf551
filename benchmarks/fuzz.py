"""Thousands of generated requests, right and wrong ones, against `skin-r1 serve` with a tiny model.

schemathesis makes the cases from the server's own OpenAPI document and checks each answer by it: no 5xx, a status that the
document names, its media type, its schema and headers, and no wrong JSON taken for a right one. A share of the pictures
is real, so that diagnoses are answered too. Prints the statuses of each operation, the breaches, and the server's memory.

    python -m benchmarks.fuzz --cases 5000
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from benchmarks.load import memory
from benchmarks.serving import free_port, started

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


class Tally:
    """What came of the cases.

    Attributes:
        statuses: (operation, status) -> answers.
        breaches: what was wrong with an answer, with the first request that shows it.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.breaches: dict[str, str] = {}

    @property
    def cases(self) -> int:
        """All answers."""
        return self.statuses.total()

    @property
    def server_errors(self) -> int:
        """Answers with a status of 500 or more."""
        return sum(count for (_, status), count in self.statuses.items() if status >= 500)


def fuzz(url: str, key: str, document: dict[str, Any], cases: int, seed: int = 0) -> Tally:
    """Send about `cases` generated requests: half of them right, half wrong, a few to the routes without a body.

    Args:
        url: of the server.
        key: an API key good for everything, without a rate that this would reach.
        document: the server's OpenAPI document.
        cases: how many.
        seed: of the generation.
    """
    load_all_checks()
    schemathesis.openapi.format("binary", st.sampled_from(_pictures()) | st.binary(max_size=2000))
    tally = Tally()
    # Its own wrong keys would soon have the right one refused too.
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(document, config=config)
    operations = [each.ok() for each in schema.get_all_operations()]
    to = {"base_url": url, "headers": {"Authorization": f"Bearer {key}"}}
    for operation in operations:
        asking = operation.method == "post"  # the others take nothing from the client
        for mode in GenerationMode if asking else (GenerationMode.POSITIVE,):
            _send(operation, mode, cases // 4 if asking else max(1, cases // 500), to, tally, seed)
    return tally


def _send(operation: Any, mode: GenerationMode, cases: int, to: dict[str, Any], tally: Tally, seed: int) -> None:
    # A form has no types: what schemathesis takes for a wrong one, a number or a null for a text, is a good text when it
    # comes here, and an empty field counts as missing. JSON has types, so there what is wrong must be refused.
    is_json = "application/json" in operation.get_request_payload_content_types()
    names = (*CHECKED, "negative_data_rejection") if is_json else CHECKED
    wanted = [each for each in CHECKS.get_all() if each.__name__ in names]

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(_made(operation.as_strategy(generation_mode=mode)))
    def send(case: Any) -> None:
        response = case.call(**to)
        tally.statuses[operation.label, response.status_code] += 1
        try:
            case.validate_response(response, checks=wanted)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                sent = case.as_curl_command(headers={})[:2000]
                tally.breaches.setdefault(f"{operation.label}: {failure}"[:1000], sent)

    send()


@st.composite
def _made(draw: st.DrawFn, strategy: st.SearchStrategy[Any]) -> Any:
    try:
        return draw(strategy)
    except ValueError as error:  # schemathesis 4.32 cannot check a picture of its own against a schema with `oneOf`
        if "Unsupported type: 'Binary'" not in str(error):
            raise
        hypothesis.reject()


def _pictures() -> list[bytes]:
    """A spot on skin in each format, and one of no use."""
    made = []
    for kind, color in (("JPEG", "brown"), ("PNG", "brown"), ("WEBP", "brown"), ("PNG", "black")):
        image = Image.effect_noise((64, 64), 20).convert("RGB")
        image = Image.blend(image, Image.new("RGB", image.size, color), 0.8)
        buffer = io.BytesIO()
        image.save(buffer, kind)
        made.append(buffer.getvalue())
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 1 where there was a breach."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cases", type=int, default=5000)
    p.add_argument("--seed", type=int, default=0)
    options = p.parse_args(argv)
    from skin_r1.reading import messages_for
    from skin_r1.serve.guard.keys import new_key
    from skin_r1.tiny import build_tiny

    with tempfile.TemporaryDirectory() as scratch:
        folder, port = Path(scratch), free_port()
        model = build_tiny(
            folder / "tiny", [messages_for({"modality": "clinical", "history": None})[0]["content"]], seed=0
        )
        key, line = new_key("fuzz", requests_per_minute=9_999_999)
        (folder / "keys").write_text(line + "\n")
        recipe = ["--model", str(model), "--max_new_tokens", "4", "--samples", "1"]
        command = [sys.executable, "-m", "skin_r1.cli", "serve", *recipe]
        document = json.loads(subprocess.run([*command, "--openapi"], check=True, capture_output=True).stdout)
        command += ["--port", str(port), "--api_keys_file", str(folder / "keys"), "--audit", str(folder / "audit")]
        url = f"http://127.0.0.1:{port}"
        with started(command, f"{url}/readyz", folder / "log", dict(os.environ)) as pid:
            before, began = memory(pid), time.monotonic()
            tally = fuzz(url, key, document, options.cases, options.seed)
            after, seconds = memory(pid), time.monotonic() - began
    print(f"cases {tally.cases}, 5xx {tally.server_errors}, breaches {len(tally.breaches)}, {seconds:.0f} s")
    for operation in dict.fromkeys(name for name, _ in tally.statuses):
        found = {status: count for (name, status), count in sorted(tally.statuses.items()) if name == operation}
        print(f"{operation:28} " + "  ".join(f"{status}: {count}" for status, count in found.items()))
    print(f"memory of the server and its decoders: {before:.0f} MiB before, {after:.0f} MiB after")
    for breach, sent in tally.breaches.items():
        print(f"\n{breach}\n    {sent}")
    return 1 if tally.breaches else 0


if __name__ == "__main__":
    raise SystemExit(main())
