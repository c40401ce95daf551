"""Faults of a real vLLM (CPU) behind the real gateway, as a client and an operator meet them."""

import os
import signal
import subprocess
from importlib.util import find_spec

import pytest
from fault_tools import alive, ask, family, lines, ready, serving, slowly, tell, until

from skin_r1.serve.audit.command import main as audit_verify
from skin_r1.serve.audit.verify import verify

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed: make vllm")


@pytest.fixture(scope="module")
def server(endless, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults_vllm")
    arguments = ["--model", endless, "--engine", "vllm", "--max_model_len", "2048", "--max_new_tokens", "1500"]
    arguments += ["--engine_patience", "6", "--audit", folder / "audit"]
    with serving(folder, *arguments, patience=400) as (client, process):
        yield client, process, folder / "audit"


def vllm(process):
    """Process ids of vLLM, its leader first, and its workers."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid=,pgid="], capture_output=True, text=True).stdout
    rows = [tuple(map(int, line.split())) for line in table.splitlines()]
    (leader,) = [pid for pid, parent, group in rows if parent == process.pid and pid == group]
    return [leader, *(pid for pid, _, group in rows if group == leader and pid != leader)]


def at_work(client):
    """Turns that are held, as /metrics says."""
    text = client.get("/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("skin_r1_requests_waiting "))


def test_hung_it_is_said_and_when_it_goes_on_requests_are_answered(server):
    client, process, audit = server
    stopped = vllm(process)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        heard = ask(client)
        assert (heard.status, heard.code) == (504, "engine_timeout")
        status, reason = ready(client)
        assert status == 503 and "does not answer" in reason
        assert client.get("/healthz").status_code == 200
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    until(lambda: ready(client, process)[0] == 200, 60)
    assert ask(client, max_tokens=4).answered and vllm(process) == stopped, "it came back without a restart"
    assert lines(audit)[-3]["refused"] == "engine_timeout" and audit_verify([str(audit)]) == 0


def test_killed_in_the_middle_of_a_stream_the_client_is_told_and_the_service_recovers(server):
    client, process, audit = server
    leader, *workers = vllm(process)
    asked = {"stream": True, "max_tokens": 1500, "temperature": 0}
    with slowly(workers):
        heard = ask(client, **asked, began=lambda: tell([leader], signal.SIGKILL))
    assert heard.status == 200 and heard.code == "engine_unreachable" and heard.done
    assert at_work(client) == 0
    begun, ended = lines(audit)[-2:]
    assert (begun["event"], ended["event"], ended["refused"]) == ("begin", "end", "engine_unreachable")
    assert begun["request"] == ended["request"]
    until(lambda: ready(client)[1] and "restart 1 of 3" in ready(client)[1])
    until(lambda: not alive(workers))
    until(lambda: ready(client, process)[0] == 200, 300, lambda: ready(client))
    assert ask(client, max_tokens=4).answered
    assert audit_verify([str(audit)]) == 0 and verify(audit).begun == verify(audit).ended


def test_when_the_gateway_is_killed_nothing_is_left_behind(server):
    client, process, audit = server
    children = family(process.pid)
    assert len(children) >= 4, "vLLM, its worker and two decoders"
    process.kill()
    process.wait()
    until(lambda: not alive(children), 30, lambda: alive(children))
    assert audit_verify([str(audit)]) == 0
