"""Keys, and who is answered without one."""

import hashlib

import pytest

from skin_r1.errors import UserError
from skin_r1.serve.guard.access import load_keys


def test_keys_come_from_the_environment_and_a_file(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text(hashlib.sha256(b"two").hexdigest() + "  # the ward\n\n")
    monkeypatch.setenv("SKIN_R1_API_KEYS", "one, ")
    assert load_keys("0.0.0.0", str(file)) == {hashlib.sha256(key).hexdigest() for key in (b"one", b"two")}
    file.write_text("one\n")
    with pytest.raises(UserError, match="row 1"):
        load_keys("127.0.0.1", str(file))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.4", "example.org", "::"])
def test_without_a_key_other_hosts_are_refused(host, monkeypatch):
    monkeypatch.delenv("SKIN_R1_API_KEYS", raising=False)
    with pytest.raises(UserError, match="SKIN_R1_API_KEYS"):
        load_keys(host, None)
    assert load_keys("::1", None) == frozenset()
