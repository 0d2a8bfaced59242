"""An app that requires appsecret_proof: every call the server makes has one, and no URL holds it."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.ground import ADA, APP, Ground
from tokenflow import Call, Engine, IssuerRefused, Secret
from tokenflow.core import proofs
from tokenflow.core.effects import ReadSecret, Request
from tokenflow.core.flows import using
from tokenflow.core.issuers import Proof
from tokenflow.core.lifecycles import SecretSpec

SPECS = ["facebook-user", "facebook-page", "facebook-app", "facebook"]
VECTORS = json.loads(
    (Path(__file__).parents[1] / "plugins" / "vectors" / "facebook_appsecret_proof.json").read_text("utf-8")
)
PAGE = "1234567890"


@pytest.fixture
def engine(ground: Ground) -> Iterator[Engine]:
    """An engine at an app that requires a proof with every call."""
    ground.admin.page(PAGE, "Sample Page")
    ground.admin.role(PAGE, ADA, ["ADMINISTER", "CREATE_CONTENT", "BASIC_ADMIN"])
    with ground.open(specs=SPECS) as engine:
        ground.facebook(engine)
        ground.admin.change_app(APP, require_appsecret_proof=True)
        yield engine


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["access_token"])
def test_the_proof_is_the_published_one(vector: dict[str, str]) -> None:
    """The vectors of Facebook's own SDKs."""
    made = proofs.proof(Secret(vector["access_token"]), Secret(vector["app_secret"]))
    assert made.reveal() == vector["appsecret_proof"]


def test_every_verb_is_played_where_the_app_requires_a_proof(ground: Ground, engine: Engine) -> None:
    """Use (GET, POST, DELETE), extend, introspect, derive, an app token of both forms, and revoke."""
    assert engine.use("ada", Call(path="/me", params={"fields": "id"})).status == 200
    assert engine.extend("ada").state == "extended"
    assert engine.introspect("ada").active
    (page,) = engine.derive("ada", lifecycle="facebook-page", key="page/{page_id}")
    post = Call(method="POST", path=f"/{PAGE}/feed", params={"message": "hello"}, needs="CREATE_CONTENT")
    assert engine.use(page.key, post).status == 200
    assert engine.use(page.key, Call(path=f"/{PAGE}/insights", needs="ANALYZE")).status == 200
    assert engine.introspect(page.key).active
    for form in ("generated", "inline"):
        engine.acquire(form, lifecycle="facebook-app", platform=form, attributes={"app_id": APP})
        assert engine.use(form, Call(path=f"/{APP}")).status == 200
        settings = Call(method="POST", path=f"/{APP}", params={"contact_email": f"{form}@app.example"})
        assert engine.use(form, settings).status == 200
        assert engine.use(form, Call(path=f"/{APP}/app_insights")).status == 200
    gone = Call(method="DELETE", path="/me/permissions", params={"permission": "email"})
    assert engine.use("ada", gone).status == 200
    engine.revoke("ada").demand()


def test_a_client_has_no_secret_and_sends_no_proof(engine: Engine) -> None:
    """What runs on a client cannot prove, and an app that requires it refuses it: code 100, with advice."""
    with pytest.raises(IssuerRefused) as no:
        engine.use("ada", Call(path="/me"), place="client")
    assert no.value.facts["code"] == 100
    assert "appsecret_proof" in str(no.value.mend)


def test_without_the_proof_every_use_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness can fail: a proof made with another secret is no proof."""
    wrong = Secret("another secret")
    monkeypatch.setattr(using, "proof", lambda token, _: proofs.proof(token, wrong))
    with pytest.raises(IssuerRefused):
        engine.use("ada", Call(path="/me"))


@pytest.mark.proves("B4")
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_no_url_holds_the_token_or_the_proof(method: str) -> None:
    """B4: a GET or DELETE becomes a POST whose form says what it is, with the parameters in it."""
    lifecycle: Any = SimpleNamespace(ref="x@1", secrets={"app_secret": SecretSpec(reference="env:S")})
    params = {"fields": "id"}
    where: dict[str, Any] = {"form": params} if method == "POST" else {"query": params}
    asked = Request(method=method, url="https://graph.example/me", bearer=Secret("long_token"), **where)
    flow = using._proven(lifecycle, Proof(parameter="appsecret_proof", secret="app_secret"), asked)
    assert next(flow) == ReadSecret("env:S")
    with pytest.raises(StopIteration) as done:
        flow.send(Secret("foo_secret"))
    sent: Request = done.value.value
    assert (sent.method, sent.url, dict(sent.query)) == ("POST", asked.url, {})
    form = {
        name: said.reveal() if isinstance(said, Secret) else said for name, said in (sent.form or {}).items()
    }
    proved = {"fields": "id", "appsecret_proof": VECTORS[2]["appsecret_proof"]}
    assert form == (proved if method == "POST" else {**proved, "method": method.lower()})
