"""Images are taken in by parts: shards, Ray and killed runs end in the same bytes as one quiet run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from drawn_datasets import Writer, lesion, write_csv

from data_prep import build
from data_prep.images import intake
from data_prep.images.prepare import Task
from skin_r1.errors import UserError


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PART", 5)  # 24 images: five parts


def command(root: Path, out: Path, *options: str) -> list[str]:
    return ["--dataset", "ham10000", "--root", str(root), "--out", str(out), *options]


@pytest.mark.usefixtures("small_parts")
def test_shards_and_the_rest_equal_one_run(ham: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ham()
    assert build.main(command(root, tmp_path / "one")) == 0
    out = tmp_path / "many"
    for shard in ("2/3", "0/3"):  # the shard 1/3 was lost; the last run makes up for it
        assert build.main(command(root, out, "--shard", shard)) == 0
        assert not out.exists()
    assert "2 of 5 parts" in capsys.readouterr().out
    assert len(list((tmp_path / "many.intake").glob("part-*"))) == 3
    assert build.main(command(root, out)) == 0
    assert tree(out) == tree(tmp_path / "one") and not (tmp_path / "many.intake").exists()


@pytest.mark.parametrize("shard", ["3/3", "-1/2", "a/b", "1", "0/0"])
def test_no_such_shard(ham: Writer, tmp_path: Path, shard: str) -> None:
    with pytest.raises(UserError, match="no such shard"):
        build.main(command(tmp_path, tmp_path / "out", f"--shard={shard}"))


@pytest.mark.usefixtures("small_parts")
def test_finished_parts_are_kept_and_changed_images_are_not(ham: Writer, tmp_path: Path) -> None:
    root = ham()
    tasks = [Task(f"x/{p.stem}", p) for p in sorted((root / "part_1").glob("*.jpg"))]
    folder = tmp_path / "parts"
    parts = intake.plan_parts(folder, tasks, max_side=64)
    assert intake.make_parts(parts, max_side=64, workers=1) == 0
    made = {p.file: p.file.stat().st_mtime_ns for p in parts}
    parts[2].file.unlink()
    assert intake.make_parts(parts, max_side=64, workers=1) == 4
    assert [p.file for p in parts if p.file.stat().st_mtime_ns != made[p.file]] == [parts[2].file]
    lesion(99).save(tasks[7].image)  # in the second part
    again = intake.plan_parts(folder, tasks, max_side=64)
    assert [a.file == b.file for a, b in zip(parts, again, strict=True)] == [True, False, True, True, True]
    assert all(a.file != b.file for a, b in zip(parts, intake.plan_parts(folder, tasks, max_side=32), strict=True))


@pytest.mark.usefixtures("small_parts")
def test_a_broken_image_does_not_cost_the_others(ham: Writer, tmp_path: Path) -> None:
    root, out = ham(), tmp_path / "out"
    (root / "part_1/ISIC_0000002.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="zero bytes"):
        build.main(command(root, out))
    made = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out.intake").iterdir()}
    assert len(made) == 4  # the part of the broken image is read again next time
    with pytest.raises(UserError, match="zero bytes"):
        build.main(command(root, out))
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out.intake").iterdir()} == made
    lesion(2).save(root / "part_1/ISIC_0000002.jpg")
    assert build.main(command(root, out)) == 0


@pytest.mark.usefixtures("small_parts")
def test_damaged_parts_and_links_that_lead_nowhere(ham: Writer, tmp_path: Path) -> None:
    root, out = ham(), tmp_path / "out"
    assert build.main(command(root, tmp_path / "one")) == 0
    assert build.main(command(root, out, "--shard", "0/1")) == 0
    next((tmp_path / "out.intake").glob("part-00001*")).write_bytes(b"")  # the disk was full
    assert build.main(command(root, out)) == 0
    assert tree(out) == tree(tmp_path / "one")
    (root / "part_1/ISIC_0000004.jpg").unlink()
    (root / "part_1/ISIC_0000004.jpg").symlink_to(root / "gone.jpg")
    with pytest.raises(UserError, match=r"ISIC_0000004\.jpg.*row 6"):
        build.main(command(root, tmp_path / "two"))


@pytest.mark.usefixtures("small_parts")
def test_parts_of_another_folder_are_not_taken(ham: Writer, tmp_path: Path) -> None:
    first, second = ham("first"), ham("second")
    for image in (second / "part_1").glob("*.jpg"):
        os.utime(image, ns=(0, (first / "part_1" / image.name).stat().st_mtime_ns))
    tasks = [[Task(f"x/{p.stem}", p) for p in sorted((root / "part_1").glob("*.jpg"))] for root in (first, second)]
    plans = [intake.plan_parts(tmp_path / "parts", own, max_side=64) for own in tasks]
    assert not {p.file for p in plans[0]} & {p.file for p in plans[1]}


@pytest.mark.usefixtures("small_parts")
def test_ray_makes_the_same_corpus(ham: Writer, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason='Ray is not installed: pip install -e ".[ray]"')
    root = ham()
    assert build.main(command(root, tmp_path / "one")) == 0
    assert build.main(command(root, tmp_path / "ray", "--executor", "ray")) == 0
    assert tree(tmp_path / "ray") == tree(tmp_path / "one")


def test_killed_three_times(tmp_path: Path) -> None:
    root = tmp_path / "pad"
    root.mkdir()
    for number in range(700):  # three parts, read by two processes
        lesion(number).save(root / f"I{number}.jpg", quality=90)
    write_csv(root / "labels.csv", ("file", "dx"), [[f"I{n}.jpg", ("nevus", "melanoma")[n % 2]] for n in range(700)])
    (root / "skin-r1.yaml").write_text(
        "name: mine\nmodality: clinical\nlicense: CC0\nsource: here\ntable: labels.csv\ncolumns: {image: file, label: dx}\n"
    )
    base = [sys.executable, "-m", "skin_r1.cli", "data", "build", "--dataset", "generic", "--root", str(root)]
    base += ["--workers", "2", "--out"]
    assert subprocess.run([*base, str(tmp_path / "one")], capture_output=True).returncode == 0
    out, draw = tmp_path / "killed", random.Random(0)
    for _ in range(3):
        child = subprocess.Popen([*base, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(list(tmp_path.glob("killed.intake/part-*.parquet")))
        limit = time.monotonic() + 60
        while child.poll() is None and time.monotonic() < limit:
            if len(list(tmp_path.glob("killed.intake/part-*.parquet"))) > before:
                break
            time.sleep(0.01)
        time.sleep(draw.random() * 0.5)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
        child.wait()
    if not out.exists():
        assert subprocess.run([*base, str(out)], capture_output=True).returncode == 0
    assert tree(out) == tree(tmp_path / "one")
    assert not (tmp_path / "killed.intake").exists() and not (tmp_path / "killed.partial").exists()
