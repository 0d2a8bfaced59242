"""Device login: a screen without a keyboard, and a person with a phone (facebook.md §1.7)."""

from attrs import evolve

from tokenflow.sandbox import events, tokens
from tokenflow.sandbox.clock import SECOND, epoch_seconds
from tokenflow.sandbox.errors import GraphError
from tokenflow.sandbox.wire import Call, listed
from tokenflow.sandbox.world import App, DeviceLogin, World

from . import carriage, refusals

#: Seconds a device code lives, and the least time between two polls.
DEVICE_LIFETIME = 420
INTERVAL = 5


def login(world: World, call: Call) -> dict[str, object]:
    """Begin: the device shows `user_code` and polls with `code`."""
    app = _calling(world, call)
    code, user_code = tokens.random_text(32), tokens.random_text(8).upper()
    world.devices[code] = DeviceLogin(
        code=code,
        user_code=user_code,
        app_id=app.app_id,
        scope=listed(call.get("scope")),
        expires_at=world.clock.now() + DEVICE_LIFETIME * SECOND,
    )
    return {
        "code": code,
        "user_code": user_code,
        "verification_uri": f"{call.base}/device",
        "expires_in": DEVICE_LIFETIME,
        "interval": INTERVAL,
    }


def login_status(world: World, call: Call) -> dict[str, object]:
    """Poll: the four subcodes tell waiting, haste, a no and the end."""
    app = _calling(world, call)
    device = world.devices.get(call.get("code") or "")
    if device is None or device.app_id != app.app_id:
        raise refusals.bad_parameter("Invalid parameter code")
    now = world.clock.now()
    if device.expires_at <= now:
        raise GraphError("The device code has expired.", code=463, subcode=1349152)
    if device.denied:
        raise GraphError("The person declined the request.", code=31, subcode=1349173)
    if device.person is None:
        hasty = device.polled_at is not None and now - device.polled_at < INTERVAL * SECOND
        world.devices[device.code] = evolve(device, polled_at=now)
        if hasty:
            raise GraphError("User request limit reached", code=17, subcode=1349172)
        raise GraphError("This request requires the user to take a pending action", code=31, subcode=1349174)
    del world.devices[device.code]
    return _answer(world, app, device, device.person)


def decide(
    world: World, user_code: str, person_id: str, *, deny: bool, declined: tuple[str, ...] = ()
) -> None:
    """Record what the person said on their own screen."""
    for device in list(world.devices.values()):
        if device.user_code == user_code.upper() and device.expires_at > world.clock.now():
            if not deny:
                events.consent_to(
                    world, person_id, device.app_id, asked=device.scope, declined=declined, ask_again=True
                )
            world.devices[device.code] = evolve(device, person=None if deny else person_id, denied=deny)
            return
    raise refusals.bad_parameter("No device waits for that code")


def _answer(world: World, app: App, device: DeviceLogin, person_id: str) -> dict[str, object]:
    consent = world.consents.get((person_id, app.app_id))
    scope = () if consent is None else consent.of("granted")
    token = tokens.issue_user_token(world, app, person_id, scope=scope, platform="device", long_lived=True)
    left = 0 if token.expires_at is None else (token.expires_at - world.clock.now()) // SECOND
    return {
        "access_token": token.value,
        "expires_in": left,
        "data_access_expiration_time": epoch_seconds(token.data_access_expires_at),
    }


def _calling(world: World, call: Call) -> App:
    bearer = carriage.required(world, call)
    if bearer.kind not in {"client", "app"}:
        raise refusals.no_permission("A client token is required: APP_ID|CLIENT_TOKEN")
    if not bearer.app.device_login:
        raise refusals.no_capability("Login from Devices is off")
    return bearer.app
