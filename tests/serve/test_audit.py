"""The audit chain."""

import hashlib
import json

import pytest

from skin_r1.errors import UserError
from skin_r1.serve.audit.chain import Audit, verify


def test_the_audit_chain_goes_on_and_shows_tampering(tmp_path):
    file = tmp_path / "audit.jsonl"
    Audit(file).append(route="/a", status=200)
    second = Audit(file)  # a restart
    second.append(route="/b", status=200)
    assert verify(file)[0] == 2
    assert second.fingerprint(b"x") == Audit(file).fingerprint(b"x") != hashlib.sha256(b"x").hexdigest()
    assert (tmp_path / "audit.jsonl.key").stat().st_mode & 0o077 == 0
    with file.open("a") as stream:
        stream.write('{"half a li')  # killed while writing
    Audit(file).append(route="/c", status=200)
    assert verify(file)[0] == 3
    lines = file.read_text().splitlines()
    changed = json.loads(lines[1]) | {"status": 500}
    file.write_text("\n".join([lines[0], json.dumps(changed), lines[2]]) + "\n")
    with pytest.raises(UserError, match="row 2"):
        verify(file)
    file.write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(UserError, match="row 2"):
        Audit(file)
