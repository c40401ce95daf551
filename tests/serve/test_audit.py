"""The audit log: what it holds, what shows, and what happens when the disk does not play along."""

import asyncio
import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skin_r1.errors import UserError
from skin_r1.serve.audit import store
from skin_r1.serve.audit.command import main
from skin_r1.serve.audit.log import Audit
from skin_r1.serve.audit.store import Store
from skin_r1.serve.audit.verify import segments, verify
from skin_r1.serve.refused import Refused

WRITER = Path(__file__).with_name("audit_writer.py")


def fill(folder, requests=5, **options):
    """A log of `requests` requests, two lines each, by the real writer."""

    async def run():
        audit = Audit(folder, **options)

        async def one(number):
            entry = audit.begin(request=f"r{number}", key="0badcafe", route="/v1/diagnose", content="secret words")
            await entry.end(status=200, triage="soon")

        await asyncio.gather(*map(one, range(requests)))
        await audit.close()

    asyncio.run(run())
    return folder


def rows(folder):
    return [json.loads(line) for path in segments(folder) for line in path.read_text().splitlines()]


def test_every_request_has_two_lines_and_the_chain_outlives_a_restart(tmp_path, capsys):
    log = fill(fill(tmp_path / "log"))
    lines = rows(log)
    assert [line["seq"] for line in lines] == list(range(1, 21))
    begun = {line["request"] for line in lines if line["event"] == "begin"}
    assert len(begun) == 5 and all(0 <= line["seconds"] < 5 for line in lines if line["event"] == "end")
    report = verify(log)
    assert (report.lines, report.begun, report.ended, report.steps_back) == (20, 10, 10, 0)
    assert main([str(log)]) == 0 and "unbroken: 20 lines" in capsys.readouterr().out
    # the chain as its page describes it, worked out by hand
    raw = segments(log)[0].read_bytes().splitlines()[0]
    body, digest = raw[: raw.rindex(b',"hash"')] + b"}", lines[0]["hash"]
    assert hashlib.sha256(body).hexdigest() == digest == lines[1]["previous"]


def test_content_is_kept_only_on_demand_and_files_are_private(tmp_path):
    assert b"secret" not in segments(fill(tmp_path / "plain"))[0].read_bytes()
    assert b"secret" in segments(fill(tmp_path / "full", store_content=True))[0].read_bytes()
    for path in (tmp_path / "plain").iterdir():
        assert path.name == "head.json" or path.stat().st_mode & 0o077 == 0, path


def test_a_fingerprint_needs_the_key(tmp_path):
    first, again, other = Audit(tmp_path / "a"), None, Audit(tmp_path / "b")
    seen = first.fingerprint(b"picture")
    asyncio.run(first.close())
    again = Audit(tmp_path / "a")
    assert again.fingerprint(b"picture") == seen != other.fingerprint(b"picture")
    assert seen not in (hashlib.sha256(b"picture").hexdigest(), again.fingerprint(b"picturf"))
    asyncio.run(again.close())
    asyncio.run(other.close())


def edit(lines):
    lines[3] = (
        lines[3].replace(b'"status":200', b'"status":500') if b"status" in lines[3] else lines[3][:40] + lines[3][41:]
    )


def rehash(lines):
    """An edit by somebody who knows how a hash is made, but leaves the next line."""
    text = lines[3][: lines[3].rindex(b',"hash"')].replace(b"0badcafe", b"deadbeef").replace(b"soon", b"none") + b"}"
    lines[3] = text[:-1] + b',"hash":"' + hashlib.sha256(text).hexdigest().encode() + b'"}\n'


def delete(lines):
    del lines[3]


def swap(lines):
    lines[3], lines[4] = lines[4], lines[3]


def double(lines):
    lines.insert(3, lines[2])


def blank(lines):
    lines.insert(3, b"\n")


@pytest.mark.parametrize("change, row", [(edit, 4), (rehash, 5), (delete, 4), (swap, 4), (double, 4), (blank, 4)])
def test_every_change_shows_with_its_row(tmp_path, change, row):
    file = segments(fill(tmp_path / "log"))[0]
    lines = file.read_bytes().splitlines(keepends=True)
    change(lines)
    file.write_bytes(b"".join(lines))
    for look in (lambda: verify(file.parent), lambda: main([str(file)]), lambda: Store(file.parent)):
        with pytest.raises(UserError, match=rf"audit-0001.jsonl, row {row}\b"):
            look()


def test_lines_cut_off_at_the_end_show_by_the_head(tmp_path):
    log = fill(tmp_path / "log")
    noted = shutil.copy(log / "head.json", tmp_path / "noted.json")
    file = segments(log)[0]
    whole = file.read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:-2]))
    for look in (lambda: main([str(log)]), lambda: Store(log)):
        with pytest.raises(UserError, match="the chain ends at 8, but its head says 10"):
            look()
    # who cuts the head too, without the key, breaks its seal
    head = json.loads((log / "head.json").read_text())
    (log / "head.json").write_text(json.dumps(head | {"seq": 8, "hash": rows(log)[-1]["hash"]}))
    with pytest.raises(UserError, match="seal"):
        main([str(log)])
    # who writes everything anew, with the key, is caught by a head that was noted elsewhere
    file.write_bytes(b"")
    (log / "head.json").unlink()
    file.unlink()
    fill(log, requests=6)
    assert main([str(log)]) == 0
    with pytest.raises(UserError, match="written anew"):
        main([str(log), "--head", str(noted)])
    for path in segments(log):
        path.unlink()
    with pytest.raises(UserError, match="there are no lines"):
        main([str(log)])


def test_one_process_at_a_time(tmp_path):
    audit = Audit(tmp_path / "log")
    with pytest.raises(UserError, match="another process"):
        Audit(tmp_path / "log")
    asyncio.run(audit.close())
    fill(tmp_path / "log")


def at(monkeypatch, moment):
    monkeypatch.setattr(store, "_now", lambda: f"{moment}T12:00:00.000+00:00")


def test_the_order_is_by_number_when_the_clock_jumps(tmp_path, monkeypatch):
    for moment in ("2026-11-22", "2031-01-01", "2019-05-05", "2026-11-22"):
        at(monkeypatch, moment)
        fill(tmp_path / "log")
    report = verify(tmp_path / "log")
    assert (report.lines, report.last, report.steps_back) == (40, 40, 1)
    assert len(segments(tmp_path / "log")) == 4  # a day, a segment


def test_retention_is_recorded_and_nothing_else_may_be_missing(tmp_path, monkeypatch, capsys):
    log = tmp_path / "log"
    for moment in ("2020-01-01", "2020-01-02", "2020-01-03"):
        at(monkeypatch, moment)
        fill(log)
    monkeypatch.undo()
    kept = shutil.copytree(log, tmp_path / "kept")
    fill(log, days=30)
    fill(log, days=30)
    assert [path.name for path in segments(log)] == ["audit-0004.jsonl"]
    record = next(line for line in rows(log) if line["event"] == "removed")
    assert (record["first"], record["last"], len(record["files"])) == (1, 30, 3)
    assert main([str(log)]) == 0 and "retention removed lines 1 to 30" in capsys.readouterr().out
    segments(kept)[0].unlink()
    with pytest.raises(UserError, match="lines 1 to 10 are missing"):
        verify(kept)
    shutil.copy(log / "audit-0004.jsonl", kept / "audit-0002.jsonl")
    with pytest.raises(UserError, match="audit-0003.jsonl, row 1"):
        verify(kept)


def test_a_clock_that_jumps_ahead_deletes_nothing(tmp_path, monkeypatch):
    held = Store(fill(tmp_path / "log"))
    monkeypatch.setattr(held, "_clock", held._clock - 10 * 365 * 86_400)
    held.retire(days=0)
    assert verify(tmp_path / "log").lines == 10
    held.close()


def run_writer(folder, mode, *prefix):
    command = [*prefix, sys.executable, str(WRITER), str(folder), mode]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_file_that_may_not_grow_refuses_requests_until_it_may(tmp_path):
    done = run_writer(tmp_path / "log", "limit")
    assert done.returncode == 0, done.stderr
    assert verify(tmp_path / "log").lines == int(done.stdout)


def test_a_full_disk_refuses_requests_until_there_is_space(tmp_path):
    """On a real file system of 1 MB, mounted for this process only."""
    (tmp_path / "disk").mkdir()
    script = f'mount -t tmpfs -o size=1m tmpfs {tmp_path}/disk && "$@" && cp -r {tmp_path}/disk/log {tmp_path}/log'
    enter = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*enter, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small file system")
    done = run_writer(tmp_path / "disk" / "log", "full", *enter, "sh", "-c", script, "sh")
    assert done.returncode == 0, done.stderr
    assert verify(tmp_path / "log").lines == int(done.stdout)


def test_what_was_confirmed_survives_a_kill(tmp_path):
    writer = subprocess.Popen([sys.executable, str(WRITER), str(tmp_path / "log"), "endless"], stdout=subprocess.PIPE)
    for _ in range(20):
        confirmed = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    confirmed = int([confirmed, *writer.communicate()[0].split()][-1])
    with segments(tmp_path / "log")[0].open("ab") as file:
        file.write(b'{"seq":9999,"ti')  # and a line cut in its middle
    assert verify(tmp_path / "log").torn
    fill(tmp_path / "log")
    assert verify(tmp_path / "log").lines >= confirmed + 10


def test_a_deleted_file_is_noticed_and_the_log_goes_on(tmp_path):
    async def run():
        audit = Audit(tmp_path)
        await audit.begin(request="a").written()
        segments(tmp_path)[0].unlink()
        with pytest.raises(Refused) as refusal:
            await audit.begin(request="b").written()
        assert (refusal.value.status, refusal.value.code) == (503, "audit_unavailable")
        await audit.begin(request="c").end(status=200)
        await audit.close()

    asyncio.run(run())
    with pytest.raises(UserError, match="lines 1 to 1 are missing"):
        verify(tmp_path)


def test_a_client_that_goes_away_still_has_its_closing_line(tmp_path):
    async def run():
        audit = Audit(tmp_path)
        entry = audit.begin(request="a")
        waiting = asyncio.create_task(entry.end(status=499))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await audit.close()

    asyncio.run(run())
    assert [line["event"] for line in rows(tmp_path)] == ["begin", "end"]


def test_after_the_end_a_line_is_refused_and_never_waited_for(tmp_path):
    async def run():
        audit = Audit(tmp_path)
        entry = audit.begin(request="a")
        await audit.close()
        with pytest.raises(Refused):
            await asyncio.wait_for(entry.end(status=200), timeout=5)

    asyncio.run(run())
    assert [line["event"] for line in rows(tmp_path)] == ["begin"]


def test_names_that_the_chain_uses_are_refused(tmp_path):
    async def run():
        audit = Audit(tmp_path)
        with pytest.raises(ValueError, match="time"):
            audit.begin(time=1)
        await audit.close()

    asyncio.run(run())


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Audit(tmp_path / "file" / "log")
