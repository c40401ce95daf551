"""Faults of the whole service, each through real `skin-r1 serve` processes: clients get a clear error, the service
recovers by itself, the audit chain verifies. Faults of vLLM are in test_faults_vllm.py."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from fault_tools import Clock, Heard, alive, ask, crowd, family, lines, ready, serve, serving, until
from serving import free_port, skin_picture

from skin_r1.serve.audit.command import main as audit_verify
from skin_r1.serve.audit.verify import segments, verify
from skin_r1.serve.guard.keys import new_key

YEAR = 365 * 86_400


class Service:
    """The server that these tests share: its client, its process and what it was started with."""

    def __init__(self, client, process, folder, clock, key):
        self.client, self.process, self.folder, self.clock, self.key = client, process, folder, clock, key
        self.audit, self.keys = folder / "audit", folder / "keys.txt"

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.key}"}

    def ask(self, **fields):
        return ask(self.client, self.headers, **fields)

    def diagnose(self, **fields):
        files = {"image": skin_picture()}
        return self.client.post(
            "/v1/diagnose", files=files, data={"modality": "clinical"} | fields, headers=self.headers
        )

    def healthy(self):
        """Alive, ready, answering, and with a whole log."""
        assert self.client.get("/healthz").status_code == 200 and ready(self.client) == (200, None)
        assert self.ask(max_tokens=4).answered
        assert audit_verify([str(self.audit)]) == 0
        return True


@pytest.fixture(scope="module")
def service(tiny, tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc) to make a clock that can be turned")
    folder = tmp_path_factory.mktemp("faults")
    clock, (key, line) = Clock(folder), new_key("ward-1", requests_per_minute=60_000, concurrent=100)
    (folder / "keys.txt").write_text(line + "\n")
    arguments = ["--model", tiny, "--audit", folder / "audit", "--api_keys_file", folder / "keys.txt"]
    arguments += ["--samples", "1", "--max_new_tokens", "400"]  # enough for a reading
    with serving(folder, *arguments, env=clock.env) as (client, process):
        yield Service(client, process, folder, clock, key)
    assert process.returncode == 0, "to be told to stop is no failure"


@pytest.fixture
def full(service):
    """A switch: from then on no file of the server may grow, as on a full disk."""

    def fill():
        size = segments(service.audit)[-1].stat().st_size
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    yield fill
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_with_a_full_disk_requests_are_refused_and_not_answered(service, full):
    service.healthy()
    full()
    for streaming in (False, True):
        heard = service.ask(stream=streaming)
        assert (heard.status, heard.code) == (503, "audit_unavailable")
        assert list(heard.events[0]) == ["error"], "nothing of the answer leaks"
    for streaming in ("false", "true"):
        answer = service.diagnose(stream=streaming)
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "audit_unavailable"
        assert int(answer.headers["retry-after"]) > 0 and list(answer.json()) == ["error"]
    assert service.client.get("/healthz").status_code == 200


def test_after_a_full_disk_it_goes_on_by_itself(service):
    assert service.healthy()


@pytest.mark.parametrize("route", ["chat", "diagnose"])
def test_a_disk_that_fills_in_the_middle_of_a_stream_is_told(service, full, route):
    if route == "chat":
        heard = service.ask(stream=True, began=full)
        assert heard.code == "audit_unavailable" and heard.done and "triage" not in heard.events[-1]
        return
    form, files = {"modality": "clinical", "stream": "true"}, {"image": skin_picture()}
    with service.client.stream("POST", "/v1/diagnose", data=form, files=files, headers=service.headers) as answer:
        said = answer.iter_lines()
        first = next(said)
        full()
        rest = [line for line in said if line]
    assert "quality" in first and "audit_unavailable" in rest[-2] and rest[-1] == "data: [DONE]"
    assert not any('"answer"' in line for line in rest), "no answer without its closing line"


def test_while_the_audit_folder_is_away_nothing_is_answered(service):
    away = service.audit.rename(service.folder / "away")
    try:
        for streaming in (False, True):
            heard = service.ask(stream=streaming)
            assert (heard.status, heard.code) == (503, "audit_unavailable") and list(heard.events[0]) == ["error"]
        assert service.client.get("/healthz").status_code == 200
    finally:
        away.rename(service.audit)
    assert service.healthy()


def test_a_clock_that_jumps_changes_no_limit_no_case_and_no_duration(service):
    slow, line = new_key("slow", requests_per_minute=1, concurrent=1)
    with service.keys.open("a") as file:
        file.write(line + "\n")
    service.process.send_signal(signal.SIGHUP)
    headers = {"Authorization": f"Bearer {slow}"}
    until(lambda: ask(service.client, headers, max_tokens=4).answered)
    case = service.diagnose().json()["case"]
    try:
        for jump in (10 * YEAR, -5 * YEAR):
            service.clock.turn(jump)
            answer = service.client.post("/v1/chat/completions", json={}, headers=headers)
            assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 60
            form = {"case": (None, case), "question": (None, "is it benign?")}  # parts without a file name
            asked = service.client.post("/v1/diagnose", files=form, headers=service.headers)
            assert asked.status_code == 200, asked.text
            assert service.healthy()
    finally:
        service.clock.turn(0)
    assert service.healthy()
    report, written = verify(service.audit), lines(service.audit)
    assert report.steps_back and len({line["time"][:4] for line in written}) >= 3, "the clock was really turned"
    assert all(0 <= line["seconds"] < 60 for line in written if line["event"] == "end")


def decoders(service):
    table = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    rows = dict(line.split(None, 1) for line in table.splitlines())
    return [pid for pid in family(service.process.pid) if "intake.worker" in rows.get(str(pid), "")]


def test_decoders_that_are_killed_are_replaced(service):
    first = decoders(service)
    assert len(first) == 2
    for number in (1, 2):
        victims = decoders(service)[:number]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        until(lambda victims=victims: not alive(victims))
        assert all(service.ask(picture=True, max_tokens=4).answered for _ in range(3))
        until(lambda: len(decoders(service)) == 2)
    assert not set(first) & set(decoders(service)) and service.healthy()


def test_a_decoder_killed_at_work_costs_its_request_only(service):
    victims = decoders(service)
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    with crowd(service.client.base_url, 1, headers=service.headers, picture=True) as (future,):
        time.sleep(0.5)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
    heard = future.result()
    assert (heard.status, heard.code) == (503, "decoder_failed")
    assert service.ask(picture=True, max_tokens=4).answered and service.healthy()


def test_keys_change_on_hangup_and_a_broken_file_changes_nothing(service):
    def status(key):
        return service.client.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code

    def hang_up(text):
        service.keys.write_text(text)
        service.process.send_signal(signal.SIGHUP)

    old, kept = service.key, service.keys.read_text()
    new, line = new_key("ward-2", requests_per_minute=60_000, concurrent=100)
    hang_up(line + "\n")
    until(lambda: status(new) == 200)
    assert status(old) == 401
    for broken in (line.replace("ward-2", "ward/2"), "\x00\x01", "# nobody\n", "", None):
        service.keys.unlink(missing_ok=True) if broken is None else service.keys.write_text(broken)
        said = (service.folder / "serve.log").read_text().count("the keys are unchanged")
        service.process.send_signal(signal.SIGHUP)
        until(lambda said=said: (service.folder / "serve.log").read_text().count("the keys are unchanged") > said)
        assert (status(new), status(old)) == (200, 401)
    hang_up(kept)
    until(lambda: status(old) == 200)
    assert status(new) == 401 and new not in (service.folder / "serve.log").read_text()


def test_a_second_server_says_what_is_taken_and_harms_nothing(service, tiny, tmp_path):
    def second(*arguments):
        command = [sys.executable, "-m", "skin_r1.cli", "serve", "--model", tiny, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)

    done = second("--port", free_port(), "--audit", service.audit)
    assert done.returncode == 2 and "another process writes this audit log" in done.stderr and "next" in done.stderr
    done = second("--port", service.client.base_url.port, "--audit", tmp_path / "other")
    assert done.returncode == 2 and "the server cannot listen" in done.stderr and "--port" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "other").exists()
    assert service.healthy()


def test_a_model_that_cannot_be_loaded_is_named_and_the_page_is_there(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"model_type": "qwen2_5_vl"')
    client, process = serve(tmp_path, "--model", tmp_path / "broken", "--audit", tmp_path / "audit")
    with client:
        try:
            until(lambda: "could not be loaded" in (ready(client, process)[1] or ""), 120)
            assert ready(client)[0] == 503
            assert "Research use only" in client.get("/").text and client.get("/healthz").status_code == 200
            heard = ask(client, model="broken", stream=True)
            assert (heard.status, heard.code) == (503, "not_ready")
        finally:
            process.terminate()
        assert process.wait(timeout=30) == 0
    assert verify(tmp_path / "audit").begun == verify(tmp_path / "audit").ended == 1


class Load:
    """Clients that ask one request after another, every second one for a stream, until they are told to stop."""

    def __init__(self, base_url, clients):
        self.heard, self._stop = [], threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(base_url, number)) for number in range(clients)]

    def _ask(self, base_url, number):
        with httpx.Client(base_url=base_url, timeout=120, trust_env=False) as client:
            while not self._stop.is_set():
                try:
                    heard = ask(client, seed=len(self.heard), stream=number % 2 == 0, max_tokens=60)
                except httpx.TransportError as error:
                    heard = Heard(0, code=repr(error))
                self.heard.append((number, heard))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=120)


def unended(log):
    """Requests that have no closing line."""
    begun, ended = ({line["request"] for line in lines(log) if line["event"] == event} for event in ("begin", "end"))
    return begun - ended


class Pair:
    """A gateway before two servers: the shared one, and one of its own that may be lost (`start` starts it again)."""

    def __init__(self, service, tiny, folder):
        self.folder, self.port, self.log = folder, free_port(), folder / "replica" / "audit"
        (folder / "replica").mkdir()
        self._arguments = ["--model", tiny, "--audit", self.log, "--max_new_tokens", "120", "--drain_seconds", "1"]
        self._arguments += ["--samples", "1"]
        self.start()
        urls = [f"{service.client.base_url}/v1", f"http://127.0.0.1:{self.port}/v1"]
        arguments = ["--model", "tiny-model", "--engine", *urls, "--audit", folder / "audit"]
        arguments += ["--samples", "1", "--max_new_tokens", "120"]
        self.front, self.gateway = serve(folder, *arguments, env={"SKIN_R1_ENGINE_KEY": service.key})
        until(lambda: ready(self.front, self.gateway)[0] == 200, 60)

    def start(self):
        self.unended = unended(self.log) if self.log.exists() else set()  # what a kill has cut
        self.replica, self.process = serve(self.folder / "replica", *self._arguments, port=self.port)
        until(lambda: ready(self.replica, self.process)[0] == 200, 180)


@pytest.fixture(scope="module")
def pair(service, tiny, tmp_path_factory):
    pair = Pair(service, tiny, tmp_path_factory.mktemp("pair"))
    yield pair
    for process in (pair.gateway, pair.process):
        process.terminate()
        process.wait(timeout=90)


def test_a_replica_killed_under_load_costs_only_streams_that_it_had_begun(pair):
    begun, workers = len(lines(pair.log)), family(pair.process.pid)
    with Load(pair.front.base_url, 6) as load:
        until(lambda: len(lines(pair.log)) > begun + 12)
        pair.process.kill()
        killed = len(load.heard)
        until(lambda: len(load.heard) > killed + 12, 120, lambda: load.heard)
        assert ready(pair.front) == (200, None)
    whole = [(number, heard) for number, heard in load.heard if heard.answered]
    broken = [(number, heard) for number, heard in load.heard if not heard.answered]
    assert len(whole) >= 12 and len(broken) <= 3, broken
    for number, heard in broken:
        assert number % 2 == 0 and heard.status == 200 and heard.code == "engine_unreachable" and heard.done
    until(lambda: not alive(workers))
    assert audit_verify([str(pair.folder / "audit")]) == 0


def test_after_a_kill_the_log_goes_on_and_the_gateway_takes_the_server_back(pair):
    pair.process.kill()
    pair.process.wait()
    with segments(pair.log)[-1].open("ab") as file:
        file.write(b'{"seq":9999,"ti')  # a line that the kill has cut in its middle
    before = verify(pair.log)
    assert before.torn
    pair.start()
    assert ask(pair.replica, max_tokens=4).answered
    assert audit_verify([str(pair.log)]) == 0 and verify(pair.log).lines >= before.lines + 2
    with Load(pair.front.base_url, 4) as load:
        until(lambda: verify(pair.log).ended > before.ended + 4, 60)
    assert all(heard.answered for _, heard in load.heard)


def test_told_to_stop_under_load_every_request_is_answered_to_its_end(pair):
    with crowd(pair.front.base_url, 8, stream=True) as futures:
        until(lambda: sum(line["event"] == "begin" for line in lines(pair.folder / "audit")[-8:]) == 8, 30)
        workers = family(pair.gateway.pid)
        pair.gateway.terminate()
        until(lambda: ready(pair.front) == (None, None), 5)
        heard = [future.result() for future in futures]
    assert all(each.answered for each in heard), heard
    assert pair.gateway.wait(timeout=30) == 0 and not alive(workers)
    assert not unended(pair.folder / "audit") and audit_verify([str(pair.folder / "audit")]) == 0


def test_requests_that_outlast_the_patience_of_a_stop_are_told_so(pair):
    """One second of it, and work for several; the signal comes twice."""
    workers = family(pair.process.pid)
    with crowd(pair.replica.base_url, 32, stream=True) as futures:
        until(lambda: any(future.done() for future in futures))
        began = time.monotonic()
        pair.process.terminate()
        time.sleep(0.3)
        pair.process.terminate()
        heard = [future.result() for future in futures]
    assert pair.process.wait(timeout=30) == 0 and time.monotonic() - began < 1 + 5 + 5
    cut = [each for each in heard if not each.answered]
    assert 0 < len(cut) < 32 and {each.code for each in cut} == {"stopping"}
    assert {(each.status, each.done) for each in cut} == {(200, True), (503, False)}, "in a stream, and before one"
    assert unended(pair.log) == pair.unended and audit_verify([str(pair.log)]) == 0
    closed = [line for line in lines(pair.log)[-128:] if line.get("refused") == "stopping"]
    assert len(closed) >= len(cut) and {line["status"] for line in closed} == {503}
    assert not alive(workers)
