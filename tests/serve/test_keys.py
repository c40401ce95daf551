"""Keys, and who is answered without one."""

import hashlib
import hmac

import pytest
from starlette.requests import Request

from skin_r1.errors import UserError
from skin_r1.serve.guard import keys as keys_module
from skin_r1.serve.guard.admission import WRONG_KEYS_PER_MINUTE, authorize, client_network
from skin_r1.serve.guard.buckets import Buckets
from skin_r1.serve.guard.keys import SCOPES, Caller, Keys, new_key
from skin_r1.serve.refused import Refused


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


def asks(key=None, address="192.0.2.1", **headers):
    """A request as ASGI brings it: header values are bytes."""
    headers = {"host": "localhost:8000", **headers}
    if key is not None:
        headers["authorization"] = b"Bearer " + key.encode()
    raw = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (address, 1)})


def refusal(request, keys, scope=None):
    with pytest.raises(Refused) as caught:
        authorize(request, keys, scope)
    return caught.value.status, caught.value.code


@pytest.fixture
def make(tmp_path, monkeypatch):
    def make(lines="", environment="", host="0.0.0.0"):
        monkeypatch.setenv("SKIN_R1_API_KEYS", environment)
        (tmp_path / "keys").write_text(lines)
        return Keys(host, tmp_path / "keys" if lines else None)

    make.file = tmp_path / "keys"
    return make


def test_keys_come_from_the_environment_and_a_file(make):
    lines = f"# ours\n\n{digest('two').upper()}  # the ward\n{digest('three')}  ward-3  chat,metrics  90.5  2\r\n"
    keys = make(lines, environment="one, ,")
    assert len(keys) == 3
    assert keys.caller(b"one") == Caller(digest("one")[:8])
    assert keys.caller(b"two") == Caller(digest("two")[:8], frozenset(SCOPES))
    assert keys.caller(b"three") == Caller("ward-3", frozenset({"chat", "metrics"}), 90.5, 2)


@pytest.mark.parametrize(
    "wrong", ["", "On", "one ", "one\0", "ONE", "x" * 10**6, "öne", digest("one"), "\ud7ff", "🩺"]
)
def test_no_other_key_will_do(make, wrong):
    assert make(environment="one").caller(wrong.encode()) is None


def test_a_key_of_any_letters_is_found(make):
    keys = make(environment="schlüssel-für-die-haut")
    assert authorize(asks("schlüssel-für-die-haut"), keys, "chat").id == digest("schlüssel-für-die-haut")[:8]


@pytest.mark.parametrize(
    "line, column",
    [
        ("one", "hash"),
        (digest("one")[:-1], "hash"),
        (digest(""), "hash"),  # else an empty key would be good
        (f"{digest('a')}\n{digest('a')} b", "hash"),
        (f"{digest('a')} not/allowed", "name"),
        (f"{digest('a')} ward\n{digest('b')} ward", "name"),
        (f"{digest('a')} {'n' * 41}", "name"),
        (f"{digest('a')} ward admin", "scopes"),
        (f"{digest('a')} ward chat,,metrics", "scopes"),
        (f"{digest('a')} ward chat many", "requests_per_minute"),
        (f"{digest('a')} ward chat 0", "requests_per_minute"),
        (f"{digest('a')} ward chat -1", "requests_per_minute"),
        (f"{digest('a')} ward chat inf", "requests_per_minute"),
        (f"{digest('a')} ward chat 10 0.5", "concurrent"),
        (f"{digest('a')} ward chat 10 0", "concurrent"),
        (f"{digest('a')} ward chat 10 4 more", None),
    ],
)
def test_a_mistake_in_the_file_is_named(make, line, column):
    with pytest.raises(UserError) as caught:
        make(line)
    message = str(caught.value)
    assert f"row {len(line.splitlines())}" in message
    assert column is None or f"column {column!r}" in message


def test_a_key_in_the_place_of_its_hash_is_not_shown(make):
    with pytest.raises(UserError) as caught:
        make("my-secret-key")
    assert "my-secret-key" not in str(caught.value) and "13 characters" in str(caught.value)


def test_the_file_must_be_there_and_be_text(make, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        Keys("127.0.0.1", tmp_path / "nowhere")
    make.file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        Keys("127.0.0.1", make.file)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.4", "example.org", "::"])
def test_without_a_key_other_hosts_are_refused(make, host):
    with pytest.raises(UserError, match="SKIN_R1_API_KEYS"):
        make(host=host)
    assert len(make(host="::1")) == 0


def test_every_known_hash_is_compared_whichever_it_is(make, monkeypatch):
    names = [f"key-{number}" for number in range(20)]
    keys = make("\n".join(digest(name) for name in names))
    compared = []

    def counting(known, given):
        compared.append(known)
        return hmac.compare_digest(known, given)

    monkeypatch.setattr(keys_module, "compare_digest", counting)
    for key in (names[0], names[-1], "wrong", ""):
        compared.clear()
        keys.caller(key.encode())
        assert compared == [digest(name) for name in names]


def test_a_new_key_works_once_its_line_is_in_the_file(make):
    key, line = new_key("ward-7", scopes=("chat",), requests_per_minute=30, concurrent=3)
    assert key not in line and len(key) > 40 and new_key("ward-7")[0] != key
    assert authorize(asks(key), make(line), "chat") == Caller("ward-7", frozenset({"chat"}), 30.0, 3)
    with pytest.raises(UserError, match="name"):
        new_key("a name")


def test_a_wrong_file_leaves_the_old_keys_in_force(make):
    keys = make(f"{digest('old')} old")
    make.file.write_text(f"{digest('new')} new\nbroken\n")
    with pytest.raises(UserError, match="row 2"):
        keys.reload()
    assert keys.caller(b"old") is not None and keys.caller(b"new") is None
    make.file.write_text("")  # no key at all would open the door
    with pytest.raises(UserError):
        keys.reload()
    assert keys.caller(b"old") is not None
    make.file.write_text(f"{digest('new')} new\n")
    keys.reload()
    assert keys.caller(b"old") is None and keys.caller(b"new").id == "new"


def test_a_key_is_good_for_its_scopes_only(make):
    keys = make(f"{digest('a')} ward diagnose")
    assert authorize(asks("a"), keys, "diagnose").id == "ward"
    assert authorize(asks("a"), keys, None).id == "ward"
    assert refusal(asks("a"), keys, "chat") == (403, "scope_not_allowed")
    assert refusal(asks("a"), keys, "metrics") == (403, "scope_not_allowed")


@pytest.mark.parametrize("value", [None, "a", "Basic a", "Bearer", "Bearer  ", "Bearer a a", "Bearer\ta", "Token a"])
def test_a_key_comes_as_a_bearer_token(make, value):
    keys = make(environment="a")
    headers = {} if value is None else {"authorization": value}
    assert refusal(asks(**headers), keys) == (401, "invalid_api_key")
    assert authorize(asks(authorization="bearer a"), keys, None).id == digest("a")[:8]


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://[", "http://localhost:8001", ""])
def test_another_sites_page_is_refused(make, origin):
    assert refusal(asks("a", origin=origin), make(environment="a")) == (403, "cross_site")
    assert authorize(asks("a", origin="https://localhost:8000"), make(environment="a"), None)


@pytest.mark.parametrize("host", ["rebound.example.org", "[", "", "localhost.example.org", "10.0.0.1", "[::2]:80"])
def test_without_keys_only_this_machines_names_are_answered(make, host):
    keys = make(host="127.0.0.1")
    assert refusal(asks(host=host), keys) == (403, "host_not_allowed")
    for good in ("localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"):
        assert authorize(asks(host=good), keys, "metrics").id == "local"


def test_guessing_stops_before_the_key_is_looked_at(make):
    keys, now = make(environment="right"), [0.0]
    keys.wrong = Buckets(clock=lambda: now[0])
    for number in range(WRONG_KEYS_PER_MINUTE):
        assert refusal(asks(f"guess-{number}"), keys) == (401, "invalid_api_key")
    assert refusal(asks("another"), keys) == (429, "rate_limited")
    assert refusal(asks("right"), keys) == (429, "rate_limited")  # else a guesser would still learn which is right
    assert authorize(asks("right", address="192.0.2.2"), keys, None)
    now[0] += 60 / WRONG_KEYS_PER_MINUTE
    assert authorize(asks("right"), keys, None)
    assert refusal(asks("another"), keys) == (401, "invalid_api_key")


def test_no_key_at_all_is_no_guess(make):
    keys = make(environment="right")
    for _ in range(3 * WRONG_KEYS_PER_MINUTE):
        assert refusal(asks(), keys) == (401, "invalid_api_key")
    assert authorize(asks("right"), keys, None)


def test_a_network_of_ipv6_counts_as_one_client():
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:2") != client_network("2001:db8:0:1::1")
    assert client_network("192.0.2.1") != client_network("192.0.2.2")
    assert client_network("unix:") == "unix:"


def test_many_addresses_fill_no_memory(make):
    keys = make(environment="right")
    for number in range(30_000):
        refusal(asks("x", address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), keys)
    assert len(keys.wrong) == 10_000


@pytest.mark.parametrize("text", ["", "# nobody\n\n"])
def test_a_file_without_a_key_does_not_open_the_server(text, tmp_path, monkeypatch):
    monkeypatch.delenv("SKIN_R1_API_KEYS", raising=False)
    file = tmp_path / "keys"
    file.write_text(hashlib.sha256(b"one").hexdigest() + "\n")
    keys = Keys("127.0.0.1", str(file))
    file.write_text(text)  # cut short while it is edited
    with pytest.raises(UserError, match="no key"):
        keys.reload()
    assert len(keys) == 1 and keys.caller(b"one")
    with pytest.raises(UserError, match="no key"):
        Keys("127.0.0.1", str(file))
