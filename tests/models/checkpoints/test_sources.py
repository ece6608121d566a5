"""Names lead to folders or to the Hub, and no name is a crash."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import close_session
from huggingface_hub.errors import GatedRepoError

from tests.models.ruined import refused
from tonescope.models.checkpoints import sources
from tonescope.models.checkpoints.sources import folder, hub_id
from tonescope.models.loading import find


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder(str(tmp_path)) == tmp_path and folder("~") == tmp_path


@pytest.mark.parametrize("name", ["", " ", "nowhere", "~nosuchuser/x", "x" * 5000, "a\0b"])
def test_no_folders(name: str) -> None:
    assert folder(name) is None


def test_hub_ids() -> None:
    assert hub_id("facebook/musicgen-small") == ("facebook/musicgen-small", None)
    assert hub_id("owner/name@main") == ("owner/name", "main")


@pytest.mark.parametrize("name", ["", "name", "/owner/name", "./name", "~/name", "a/b/c", "owner/", "/name", "@x"])
def test_no_hub_ids(name: str) -> None:
    assert hub_id(name) is None


# --- without a network -----------------------------------------------------------------------------------------------


@pytest.fixture
def closed() -> int:
    """A port of this machine where nothing listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As for a user: not told to stay offline, and no proxy of this machine's own."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)  # another three seconds of waiting
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def quickly_refused(name: str, *words: str) -> str:
    started = time.perf_counter()
    message = refused(lambda: find(name, "generator"), *words)
    assert time.perf_counter() - started < 5
    return message


def test_a_mistyped_hub_name_without_a_network_is_told_at_once(online: pytest.MonkeyPatch, closed: int) -> None:
    online.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{closed}")
    quickly_refused("facebook/musicgen-smal", "cannot be reached", "refused", "--model embedded")


def test_nothing_that_answers_is_waited_for_only_seconds(online: pytest.MonkeyPatch) -> None:
    """A name that is not resolved, a connection that is not made: either may take minutes."""
    online.setattr(huggingface_hub.constants, "ENDPOINT", "http://hub.invalid")
    online.setattr(sources, "CONNECT_SECONDS", 0.2)

    def hang(*_: object) -> None:
        time.sleep(60)
        raise OSError("too late")

    online.setattr(socket, "create_connection", hang)
    quickly_refused("owner/name", "cannot be reached", "no answer in 0.2 s")


def test_a_hub_that_takes_the_call_and_stays_silent_is_not_waited_for_forever(online: pytest.MonkeyPatch) -> None:
    online.setattr(sources, "ANSWER_SECONDS", 0.3)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        online.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        quickly_refused("owner/silent", "cannot be reached", "no answer in 0.3 s")


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_proxy_that_does_not_answer_is_named_without_its_password(
    online: pytest.MonkeyPatch, closed: int, scheme: str
) -> None:
    online.setenv("ALL_PROXY", f"{scheme}://me:secret@127.0.0.1:{closed}")
    message = quickly_refused("facebook/musicgen-small", f"the proxy {scheme}://127.0.0.1:{closed} does not answer")
    assert "secret" not in message


def test_all_proxy_socks5_without_the_http_clients_package(online: pytest.MonkeyPatch) -> None:
    """The proxy answers and the client cannot speak to it: a missing package, not a traceback."""
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        online.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.getsockname()[1]}")
        online.setitem(sys.modules, "socksio", None)
        close_session()
        quickly_refused("facebook/musicgen-small", "could not be downloaded", "proxy")
    close_session()


@pytest.mark.parametrize("proxy", ["nonsense", "http://", "http://127.0.0.1:port", "teapot://127.0.0.1:1"])
def test_an_odd_proxy_is_one_sentence(online: pytest.MonkeyPatch, closed: int, proxy: str) -> None:
    online.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{closed}")
    online.setenv("ALL_PROXY", proxy)
    close_session()
    quickly_refused("owner/name", "owner/name could not be")
    close_session()


def test_what_was_downloaded_before_is_there_without_a_network(
    online: pytest.MonkeyPatch, closed: int, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    kept = tmp_path / "models--owner--name"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("a" * 40)
    shutil.copytree(folders[0], kept / "snapshots" / ("a" * 40))
    online.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    online.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{closed}")
    assert find("owner/name", "generator") == kept / "snapshots" / ("a" * 40)


def test_case_a_gated_model_is_told_with_where_to_accept_its_licence(online: pytest.MonkeyPatch) -> None:
    def gated(*_: object, **__: object) -> None:
        raise GatedRepoError.__new__(GatedRepoError)

    online.setattr(sources, "unreachable", lambda _: None)
    online.setattr(sources, "_answer", lambda *_: (None, ()))
    online.setattr(sources, "_snapshot", gated)
    words = ("licence", "huggingface.co/owner/gated", "hf auth login")
    refused(lambda: find("owner/gated", "generator"), *words)


def test_of_a_pipeline_weights_beside_its_folders_are_not_downloaded(online: pytest.MonkeyPatch) -> None:
    names = ["model.safetensors", "model_index.json", "text_encoder/model.safetensors", "transformer/a.safetensors"]
    asked = {}

    class Api:
        def model_info(self, repository: str, **_: object) -> SimpleNamespace:
            kept = names if repository == "owner/pipeline" else names[:1]
            return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in kept])

    def snapshot(repository: str, **options: object) -> str:
        asked[repository] = options["ignore_patterns"]
        return "."

    online.setattr(sources, "unreachable", lambda _: None)
    online.setattr(huggingface_hub, "HfApi", Api)
    online.setattr(huggingface_hub, "snapshot_download", snapshot)
    for repository in ("owner/pipeline", "owner/whole"):
        sources.download(repository, "generator", repository, None, ["*.safetensors"])
    assert asked == {"owner/pipeline": ["model.safetensors"], "owner/whole": []}


def test_whoever_answers_is_asked() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert sources.unreachable(f"http://127.0.0.1:{listening.getsockname()[1]}") is None
