"""A login that waits for a person: parked sealed, finished once, by whoever holds the answer."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.engine.ground import CALLBACK, CLIENT, CLIENT_SECRET, NOW, Ground, opened
from tokenflow import Engine, MemoryStore, PromptExpired, PromptPending, SecretNotFound, TokenflowError
from tokenflow.core.effects import Park
from tokenflow.engine.performer import PARKED


def begin(engine: Engine, key: str = "k") -> str:
    """Begin a login; return the link a person has to open."""
    with pytest.raises(PromptPending) as caught:
        engine.acquire(key, lifecycle="oauth2-rotating", platform="web", scope=["email"])
    assert caught.value.key == key
    return caught.value.url


def state_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


def test_a_login_shows_where_to_go(ground: Ground) -> None:
    """A login that needs a person raises PromptPending with the issuer's link; the key is asked for."""
    with opened(ground) as engine:
        url = begin(engine)
        assert url.startswith(f"{ground.running.url}/oauth2/authorize?")
        assert engine.explain("k").token.state == "requested"


ELSEWHERE = """
import json, os, sys
from tokenflow import Engine, Secret, VirtualClock
url, store, key, client, callback, now = sys.argv[1:]
secret = os.environ["CANARY_SECRET"]
with Engine.open(["oauth2-rotating"], store, key=key, issuer=url, clock=VirtualClock(int(now)),
        client_ids={"sandbox-oauth2": client}, redirect_uri=callback,
        secrets={"env:OAUTH2_CLIENT_SECRET": Secret(secret)}) as engine:
    print(engine.answer("k", json.loads(sys.stdin.read())).state)
"""


def test_another_process_finishes_the_login(ground: Ground) -> None:
    """What one process began another one finishes on the same file, and the first serves the token."""
    with ground.durable() as engine:
        params = ground.approve(begin(engine))
        store, key = ground.sqlite()
        arguments = [ground.running.url, store, key, CLIENT, CALLBACK, str(NOW)]
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, *arguments],
            env={**os.environ, "CANARY_SECRET": CLIENT_SECRET},
            input=json.dumps(params),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.strip() == "issued", done.stderr
        assert engine.token("k").scope == {"email"}


def test_a_wrong_state_leaves_the_login_waiting(ground: Ground) -> None:
    """An answer to another login is PromptExpired, and the right one is still taken afterwards."""
    with opened(ground) as engine:
        params = ground.approve(begin(engine))
        for wrong in ("", "x", params["state"][:-1], params["state"] + "é"):
            with pytest.raises(PromptExpired):
                engine.answer("k", {**params, "state": wrong})
        with pytest.raises(PromptExpired):
            engine.answer("k", {"code": params["code"]})
        assert engine.answer("k", params).state == "issued"


def test_an_answer_is_taken_once(ground: Ground) -> None:
    """The same answer again is PromptExpired, and the token stays."""
    with opened(ground) as engine:
        params = ground.approve(begin(engine))
        engine.answer("k", params)
        with pytest.raises(PromptExpired):
            engine.answer("k", params)
        assert engine.token("k").state == "issued"


def test_a_new_login_replaces_the_one_before(ground: Ground) -> None:
    """Of two logins begun under one key only the latest can be finished."""
    with opened(ground) as engine:
        first, second = (ground.approve(begin(engine)) for _ in range(2))
        with pytest.raises(PromptExpired):
            engine.answer("k", first)
        assert engine.answer("k", second).state == "issued"


def test_of_many_answers_at_once_one_is_taken(ground: Ground) -> None:
    """Threads of two engines on one file hand in the same answer at once: exactly one succeeds."""
    with ground.durable() as one, ground.durable() as other:
        params = ground.approve(begin(one))
        gate = threading.Barrier(16, timeout=30)

        def hand_in(engine: Engine) -> str:
            gate.wait()
            try:
                return engine.answer("k", params).state
            except TokenflowError as error:
                return error.code

        with ThreadPoolExecutor(16) as pool:
            got = sorted(pool.map(hand_in, [one, other] * 8))
        assert got == ["issued", *["prompt_expired"] * 15]
        assert ground.calls(grant="authorization_code") == 1


@pytest.mark.parametrize(("waited", "taken"), [(599, True), (601, False)])
def test_a_login_waits_ten_minutes(ground: Ground, waited: float, taken: bool) -> None:
    """An answer within ten minutes is taken, a later one is PromptExpired."""
    with opened(ground) as engine:
        url = begin(engine)
        ground.clock.advance(int(waited * 1_000_000))
        params = ground.approve(url)
        if taken:
            assert engine.answer("k", params).state == "issued"
        else:
            with pytest.raises(PromptExpired):
                engine.answer("k", params)


def test_a_person_who_says_no_ends_the_login(ground: Ground) -> None:
    """A denied login is refused on record, and can be begun again."""
    with opened(ground) as engine:
        params = ground.approve(begin(engine), deny=True)
        with pytest.raises(TokenflowError) as caught:
            engine.answer("k", params)
        assert caught.value.code == "consent_denied"
        assert engine.explain("k").token.state == "refused"
        assert engine.answer("k", ground.approve(begin(engine))).state == "issued"


def test_the_journal_rests_sealed(ground: Ground) -> None:
    """Neither the login's state nor its verifier is in the store's bytes while it waits."""
    with ground.durable() as engine:
        state = state_of(begin(engine))
        kept = (ground.folder / "tokens.db").read_bytes()
        assert state.encode() not in kept
        assert b'"answer"' not in kept


def test_a_login_parked_meanwhile_is_not_lost() -> None:
    """When another process parks a new login while an old answer is looked at, the new one stays."""

    class Raced(MemoryStore):
        """The other process comes between the look and the taking."""

        later: bytes | None = None

        def get(self, shelf: str, name: str) -> bytes | None:
            found = super().get(shelf, name)
            if shelf == PARKED and self.later is not None:
                later, self.later = self.later, None
                self.put(shelf, name, later)
            return found

    store = Raced()
    with Engine.open(["oauth2-app"], store, client_ids={"sandbox-oauth2": CLIENT}) as engine:
        engine.keys()
        assert engine.desk._room is not None
        performer = engine.desk._room[1].performer
        performer._with_store(Park("k", {"state": "new"}))
        store.later = store.take(PARKED, "default/k")
        performer._with_store(Park("k", {"state": "old"}))
        assert performer._unpark("k", "old") is None
        assert performer._unpark("k", "new") == {"state": "new"}


def test_a_callback_asks_the_person(ground: Ground) -> None:
    """With `prompt=` the login is one call: the link goes out, the answer comes back."""

    def answered(asked: PromptPending) -> dict[str, str]:
        return ground.approve(asked.url)

    with opened(ground) as engine:
        token = engine.acquire("k", lifecycle="oauth2-rotating", platform="web", prompt=answered)
        assert token.state == "issued"


def test_an_awaited_callback_asks_the_person(ground: Ground) -> None:
    """The same, awaited."""

    async def ask(asked: PromptPending) -> dict[str, str]:
        return await asyncio.to_thread(ground.approve, asked.url)

    async def run() -> None:
        async with await ground.aopen() as engine:
            token = await engine.acquire("k", lifecycle="oauth2-rotating", platform="web", prompt=ask)
            assert token.state == "issued"

    asyncio.run(run())


def test_a_login_is_finished_by_the_lifecycle_it_is_pinned_to(ground: Ground) -> None:
    """An engine that opened no spec takes the answer: the store keeps what the token lives by."""
    with ground.durable() as engine:
        params = ground.approve(begin(engine))
    with ground.durable(specs=[]) as engine:
        assert engine.answer("k", params).state == "issued"
    assert ground.calls(grant="authorization_code") == 1


def test_a_secret_that_is_missing_leaves_the_login_waiting(ground: Ground) -> None:
    """Nothing could be sent without it: once it is there, the same answer is taken."""
    with ground.durable() as engine:
        params = ground.approve(begin(engine))
    with ground.durable(secrets={}) as engine, pytest.raises(SecretNotFound):
        engine.answer("k", params)
    with ground.durable() as engine:
        assert engine.answer("k", params).state == "issued"
