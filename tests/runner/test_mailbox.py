"""What a story's app was sent: the issuer's own messages, a forger's, and none that were not sent."""

from collections.abc import Iterator

import pytest

from tokenflow import PayloadError, Refused
from tokenflow.core.news import Message
from tokenflow.core.secret import Secret
from tokenflow.core.signed_request import signed_payload
from tokenflow.core.tokens import SECOND
from tokenflow.runner.backstage import Backstage, own_sandbox
from tokenflow.runner.mailbox import forged, open_mailbox, sent

ANA, BEN = "222", "333"
DELETION, WEBHOOK = "facebook.data_deletion", "facebook.webhook"


@pytest.fixture(scope="module")
def backstage() -> Iterator[Backstage]:
    with own_sandbox(1_800_000_000 * SECOND) as found:
        for person in (ANA, BEN):
            found.admin.person(person, person)
        open_mailbox(found)
        yield found


def asked(backstage: Backstage, message: Message) -> object:
    """Return who asks for a deletion, verified."""
    text = message.body.decode().removeprefix("signed_request=")
    return signed_payload(text, Secret(str(backstage.app_secret)))["user_id"]


def test_the_last_message_about_a_person_is_found_again_and_again(backstage: Backstage) -> None:
    """It is the issuer's own, signed, and of nobody else; who did nothing has none."""
    backstage.admin.delete_data(ANA, backstage.app_id)
    first = sent(backstage, DELETION, ANA)
    assert asked(backstage, first) == ANA
    assert sent(backstage, DELETION, ANA) == first
    for use, person in ((DELETION, BEN), (WEBHOOK, ANA), ("acme.unheard_of", ANA)):
        with pytest.raises(Refused) as caught:
            sent(backstage, use, person)
        assert caught.value.code == "no_message"


def test_a_forger_s_message_names_another_and_its_signature_is_not_of_it(backstage: Backstage) -> None:
    """It is made of one that was seen; without any there is nothing to forge by."""
    with pytest.raises(Refused) as none:
        forged(backstage, WEBHOOK, BEN)
    assert none.value.code == "no_message"
    backstage.admin.delete_data(ANA, backstage.app_id)
    with pytest.raises(PayloadError) as caught:
        asked(backstage, forged(backstage, DELETION, BEN))
    assert caught.value.code == "forged"
