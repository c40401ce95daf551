"""The command line itself."""

import subprocess
import sys


def test_a_reader_that_goes_away_leaves_no_traceback(tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("melanoma\n" * 20_000)
    command = [sys.executable, "-m", "skin_r1.cli", "data", "resolve", "--file", str(labels)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith('{"label"')
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=120) == 141 and "Traceback" not in said
