"""Which checkpoints count, and which settings a resumed run could not live up to."""

import pytest

from skin_r1.errors import UserError
from skin_r1.train.config import SkinGRPOConfig, SkinSFTConfig
from skin_r1.train.resume.checkpoints import SEAL, check_resumable, is_whole, last_whole, seal
from skin_r1.train.run import checkpoint_to_resume


def checkpoint(folder, step, *, sealed=True):
    path = folder / f"checkpoint-{step}"
    (path / "parts").mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(bytes(1000))
    (path / "parts" / "rank-0.pt").write_bytes(bytes(10))
    if sealed:
        seal(path)
    return path


def test_the_last_whole_checkpoint_is_that_of_the_highest_step(tmp_path):
    assert last_whole(tmp_path) is None
    for step in (2, 10, 9):  # by number, not by name or age
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-11").write_text("a file")
    assert last_whole(tmp_path).name == "checkpoint-10"


def test_a_checkpoint_without_its_list_is_passed_over(tmp_path, capsys):
    checkpoint(tmp_path, 2)
    late = checkpoint(tmp_path, 4, sealed=False)
    assert last_whole(tmp_path).name == "checkpoint-2"
    assert f"{late} was not written to its end" in capsys.readouterr().out
    seal(late)
    assert last_whole(tmp_path) == late


@pytest.mark.parametrize("name", ["optimizer.pt", "parts/rank-0.pt", SEAL])
def test_a_truncated_file_is_passed_over(tmp_path, name):
    checkpoint(tmp_path, 2)
    file = checkpoint(tmp_path, 4) / name
    file.write_bytes(file.read_bytes()[:-3])
    assert last_whole(tmp_path).name == "checkpoint-2"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": 1}', '{"files": {"optimizer.pt": "1000"}}', "\0"])
def test_a_list_that_is_no_list_makes_nothing_whole(tmp_path, content):
    path = checkpoint(tmp_path, 4)
    (path / SEAL).write_text(content)
    assert not is_whole(path)


def test_a_missing_file_is_passed_over_and_an_added_one_does_not_matter(tmp_path):
    path = checkpoint(tmp_path, 4)
    (path / "note.txt").write_text("by a person")
    assert is_whole(path)
    (path / "parts" / "rank-0.pt").unlink()
    assert not is_whole(path)


def settings(kind, folder, **given):
    steps = {} if "save_strategy" in given else {"save_strategy": "steps", "save_steps": 2}
    return kind(output_dir=str(folder), use_cpu=True, bf16=False, **steps, **given)


@pytest.mark.parametrize(
    ("kind", "key", "given"),
    [
        (SkinSFTConfig, "save_only_model", {"save_only_model": True}),
        (SkinSFTConfig, "ignore_data_skip", {"ignore_data_skip": True}),
        (SkinSFTConfig, "eval_on_start", {"eval_on_start": True, "eval_strategy": "steps", "eval_steps": 2}),
        (SkinGRPOConfig, "sync_ref_model", {"sync_ref_model": True, "beta": 0.1}),
        (SkinSFTConfig, "save_strategy", {"logging_strategy": "epoch"}),
        (SkinGRPOConfig, "save_strategy", {"eval_strategy": "epoch"}),
    ],
)
def test_what_a_resumed_run_could_not_repeat_is_refused(kind, key, given, tmp_path):
    with pytest.raises(UserError, match=rf"could not be resumed(.|\n)*column '{key}'"):
        check_resumable(settings(kind, tmp_path, **given))
    check_resumable(settings(kind, tmp_path, **given, save_strategy="no"))  # nothing is kept, nothing is resumed


def test_what_can_be_resumed_is_let_through(tmp_path):
    check_resumable(settings(SkinSFTConfig, tmp_path))
    check_resumable(settings(SkinGRPOConfig, tmp_path, beta=0.1))
    check_resumable(settings(SkinSFTConfig, tmp_path, logging_strategy="epoch", save_strategy="epoch"))


def test_a_folder_is_another_runs_only_where_nothing_was_made_for_the_first(tmp_path):
    assert checkpoint_to_resume(tmp_path, {"seed": 0}) is None
    assert checkpoint_to_resume(tmp_path, {"seed": 1}) is None  # a preflight left run.json alone
    (tmp_path / "start").mkdir()  # an adapter merged for seed 1 must not start another run
    assert checkpoint_to_resume(tmp_path, {"seed": 1}) is None
    with pytest.raises(UserError, match="another run"):
        checkpoint_to_resume(tmp_path, {"seed": 0})
