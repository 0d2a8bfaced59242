from pathlib import Path

import pytest

from tokenflow.spec import SpecError, check, load

ISSUER = """
apiVersion: tokenflow/v1
kind: Issuer
metadata: {{name: mine, version: 1.0.0, title: {title}}}
client: {{client_id: {client_id}}}
endpoints: {{token_endpoint: https://issuer.example/token}}
app: {{type: {fact}}}
errors: [{{match: {{code: {code}}}, class: permanent}}]
"""


def write(folder: Path, **values: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(ISSUER.format(**{"title": "x", "client_id": "x", "fact": "web", "code": "1"} | values))
    return path


@pytest.mark.parametrize(
    "text", ["007", "1.10", "12345678901234567890", "1.0", "true", "null", "1e5", "0x1F", "no", "~"]
)
def test_where_only_text_fits_a_scalar_is_taken_as_it_was_written(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path, client_id=text)).data["client"]["client_id"] == text


def test_where_a_number_fits_it_is_a_number(tmp_path: Path) -> None:
    data = load(write(tmp_path, code="190", fact="5")).data
    assert data["errors"][0]["match"]["code"] == 190
    assert data["app"]["type"] == 5


def test_a_quoted_number_is_text_wherever_text_fits(tmp_path: Path) -> None:
    assert load(write(tmp_path, code='"190"')).data["errors"][0]["match"]["code"] == "190"


def test_a_decimal_is_no_version(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(ISSUER.format(title="x", client_id="x", fact="x", code="1").replace("1.0.0", "1.0"))
    (found,) = check(path)
    assert found.code == "TF015"
    assert found.help == "versions have three parts: 1.0.0"


def test_text_is_no_truth(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: tokenflow/v1\nkind: Lifecycle\nmetadata: {name: a, version: 1.0.0}\n"
        "extends: builtin:bearer\nabstract: yes\n"
    )
    with pytest.raises(SpecError, match="write `true`"):
        load(path)
