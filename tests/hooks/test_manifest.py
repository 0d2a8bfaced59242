"""What plugins offered is believed while nothing changed, and never when it might have."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hooks.conftest import ACME, Site
from tests.hooks.test_looking_up import EVERYTHING
from tokenflow.hooks import manifest
from tokenflow.hooks.manifest import offered
from tokenflow.hooks.registry import Registry

LOOK: Final = """
import sys
from tokenflow.hooks.manifest import offered
names = sorted(offer.name for offer in offered() if offer.plugin not in {HOUSE!r})
print(*names, "|", *sorted(name for name in sys.modules if name.startswith("tokenflow_")))
"""
HOUSE: Final = ("android", "facebook", "ios", "javascript", "keyring", "oauth2", "server", "sqlite", "web")


@pytest.fixture
def kept(nobodys_settings: Path) -> Callable[[], list[Path]]:
    """Return the files in the cache."""
    return lambda: sorted((nobodys_settings / "xdg_cache_home").rglob("*"))


def the_file(kept: Callable[[], list[Path]]) -> Path:
    """Return the one file in the cache."""
    (file,) = [path for path in kept() if path.is_file()]
    return file


def plant_nothing(kept: Callable[[], list[Path]]) -> None:
    """Write a cache that is whole, and says that nobody offers anything."""
    offered()
    file = the_file(kept)
    planted = json.loads(file.read_text().partition("\n")[2])
    manifest._write(str(file), planted | {"offers": []})


def look(site: Site) -> tuple[set[str], set[str]]:
    """Return, in a Python of its own, what foreign plugins offer, and which plugins it took to know."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK.replace("{HOUSE!r}", repr(HOUSE))],
        env={**os.environ, "PYTHONPATH": str(site.folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    names, _, modules = done.stdout.partition("|")
    return set(names.split()), set(modules.split())


def changed(file: Path, source: str) -> None:
    """Change a file so that its stamp tells, whatever the clock's grain."""
    before = file.stat().st_mtime_ns
    file.write_text(dedent(source))
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def test_the_second_look_imports_no_plugin(site: Site) -> None:
    """And says the same as the first, which imported them all."""
    site.plugin("acme", EVERYTHING)
    first, imported = look(site)
    second, none = look(site)

    assert "tokenflow_acme" in imported
    assert none == set()
    assert first == second >= {"acme.api_key", "acme.extend", "acme_paid", "vault", "drawer"}


def test_what_is_kept_is_what_the_registry_says(site: Site) -> None:
    """Names, kinds, where they run, and the option schemas, before and after the cache."""
    site.plugin("acme", EVERYTHING)
    said = Registry.installed().offers()

    assert offered() == said
    assert offered() == said
    assert {offer.kind for offer in said} == {
        *("acquirer", "callback", "command", "code_exchange", "deriver", "format"),
        *("guard", "key_service", "secret_source", "store"),
    }
    cookie = next(offer for offer in said if offer.name == "javascript.cookie")
    assert cookie.runs_on == frozenset({"server"})
    assert cookie.options is not None
    assert cookie.options["type"] == "object"


def test_it_is_kept_for_its_owner_only(kept: Callable[[], list[Path]]) -> None:
    """Folder 0700, file 0600, JSON, and nothing beside it."""
    offered()
    folder, file = kept()

    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert set(json.loads(file.read_text().partition("\n")[2])) == {"places", "files", "offers"}


def one_more(site: Site) -> None:
    site.plugin("other", ACME.replace("acme", "other"))


def another_file(site: Site) -> None:
    changed(site.folder / "tokenflow_acme.py", ACME.replace("api_key", "other"))


def another_version(site: Site) -> None:
    (site.folder / "acme_tokens-1.2.dist-info").rename(site.folder / "acme_tokens-1.3.dist-info")
    another_file(site)


def uninstalled(site: Site) -> None:
    (site.folder / "acme_tokens-1.2.dist-info" / "entry_points.txt").unlink()


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (one_more, {"acme.api_key", "other.api_key"}),
        (another_file, {"acme.other"}),
        (another_version, {"acme.other"}),
        (uninstalled, set()),
    ],
)
def test_a_change_is_seen(site: Site, change: Callable[[Site], None], after: set[str]) -> None:
    """A plugin comes, goes, or says something else: so does the next look."""
    site.plugin("acme", ACME)
    before, _ = look(site)
    change(site)

    assert before == {"acme.api_key"}
    assert look(site)[0] == after


def test_a_package_s_own_files_count(site: Site) -> None:
    """A name that comes from the second file of a plugin is seen to change there."""
    site.distribution("acme-tokens", acme="tokenflow_acme")
    package = site.folder / "tokenflow_acme"
    package.mkdir()
    (package / "names.py").write_text('NAME = "acme.api_key"')
    (package / "__init__.py").write_text(
        dedent(ACME).replace('"acme.api_key"', "NAME") + "\nfrom tokenflow_acme.names import NAME\n"
    )
    before, _ = look(site)
    changed(package / "names.py", 'NAME = "acme.other_key"')

    assert (before, look(site)[0]) == ({"acme.api_key"}, {"acme.other_key"})


def test_a_disabled_plugin_is_left_out_and_never_imported(
    site: Site, monkeypatch: pytest.MonkeyPatch, kept: Callable[[], list[Path]]
) -> None:
    """With a cache and without one; and a look without it fills none for those who want it."""
    site.plugin("acme", "raise AssertionError('this plugin must not be imported')")
    monkeypatch.setenv("TOKENFLOW_DISABLE_PLUGINS", "acme, web")
    without = offered()

    assert kept() == []
    assert {offer.plugin for offer in without} == set(HOUSE) - {"web"}
    changed(site.folder / "tokenflow_acme.py", ACME)
    monkeypatch.delenv("TOKENFLOW_DISABLE_PLUGINS")
    assert {offer.plugin for offer in offered()} == {*HOUSE, "acme"}
    monkeypatch.setenv("TOKENFLOW_DISABLE_PLUGINS", "acme, web")
    assert offered() == without


def test_nothing_is_kept_while_a_plugin_is_broken(site: Site, kept: Callable[[], list[Path]]) -> None:
    """What ails it may be outside of its files; the others are on offer."""
    site.plugin("acme", "import nothing_of_that_name")

    assert {offer.plugin for offer in offered()} == set(HOUSE)
    assert kept() == []


def test_a_schema_that_json_does_not_hold_is_not_kept(site: Site, kept: Callable[[], list[Path]]) -> None:
    """The plugin works as before; it is only asked each time."""
    site.plugin("acme", ACME.replace("flow=", "options={'enum': {1}}, flow="))

    for _ in range(2):
        assert next(offer for offer in offered() if offer.plugin == "acme").options == {"enum": {1}}
    assert [path for path in kept() if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file stands where its folder would: plugins are asked each time."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert offered() == offered() == Registry.installed().offers()


def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the XDG specification has it: the home's own is used."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.chdir(tmp_path)
    offered()

    assert [path.name for path in tmp_path.iterdir()] == [".cache"]


@pytest.mark.parametrize("mode", [0o666, 0o660, 0o622])
def test_what_others_may_write_is_not_believed(kept: Callable[[], list[Path]], mode: int) -> None:
    """A name that somebody else put there is no plugin's."""
    plant_nothing(kept)
    assert offered() == (), "it is believed as long as it is ours"
    the_file(kept).chmod(mode)

    assert offered() == Registry.installed().offers()


def test_a_file_of_another_s_is_not_believed(
    kept: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner counts, not only its mode."""
    plant_nothing(kept)
    ours = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: ours + 1)

    assert offered() != ()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is in order."""
    home = tmp_path_factory.mktemp("whole")
    offered({"XDG_CACHE_HOME": str(home)})
    (file,) = home.rglob("*.json")
    return file


@settings(max_examples=30)
@given(data=st.data())
def test_whatever_stands_in_the_file_what_is_offered_is_the_same(whole: Path, data: st.DataObject) -> None:
    """Cut, a byte changed, or something else altogether: it is seen, and plugins are asked."""
    good = whole.read_bytes()
    end = data.draw(st.integers(0, len(good) - 1), label="where")
    cut, flipped = good[:end], good[:end] + bytes([good[end] ^ 1]) + good[end + 1 :]
    whole.write_bytes(data.draw(st.sampled_from([cut, flipped]) | st.binary() | st.just(b"[" * 99)))

    assert offered({"XDG_CACHE_HOME": str(whole.parents[1])}) == Registry.installed().offers()
    assert whole.read_bytes() == good, "and then it is in order again"
