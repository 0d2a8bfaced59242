"""A page hands its login off to the server: invited, once, from our own origin, and verified."""

import asyncio

from tests.web.ground import Web


def test_a_login_is_handed_off_and_kept(web: Web) -> None:
    """The answer says how the token stands, and nothing of what it is."""

    async def play() -> None:
        answer = await web.browser().hand_off(web.ground.payload("javascript"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "issued"

    asyncio.run(play())
