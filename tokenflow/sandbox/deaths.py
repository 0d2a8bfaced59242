"""Why a token stops working, in the numbers a client keys on (facebook.md §6.2, §7.2)."""

from datetime import UTC, datetime, timedelta

from tokenflow.sandbox.clock import SECOND
from tokenflow.sandbox.world import Death

PASSWORD_CHANGED = Death(
    reason="password_changed",
    subcode=460,
    message="The session has been invalidated because the user changed their password or "
    "Facebook has changed the session for security reasons.",
)
CHECKPOINT = Death(
    reason="checkpoint",
    subcode=459,
    message="You cannot access the app till you log in to www.facebook.com "
    "and follow the instructions given.",
)
REVOKED = Death(
    reason="revoked",
    subcode=466,
    message="The session was invalidated explicitly using an API call.",
)
LOGGED_OUT = Death(
    reason="logged_out",
    subcode=467,
    message="The session is invalid because the user logged out.",
)
ROLE_LOST = Death(
    reason="role_lost",
    subcode=492,
    message="The user must be an administrator, editor, or moderator of the page in order to impersonate it.",
)
USER_GONE = Death(reason="user_gone", subcode=465, message="The user is not valid.")
SYSTEM_USER_GONE = Death(
    reason="system_user_gone", subcode=None, message="The business has removed the system user."
)
SECRET_RESET = Death(reason="secret_reset", subcode=None, message="Invalid OAuth access token signature.")
APP_GONE = Death(
    reason="app_gone",
    subcode=None,
    message="Error validating application. Application has been deleted.",
)
REPLACED = Death(reason="replaced", subcode=None, message="A newer generation took its place.")
REUSED = Death(reason="reused", subcode=None, message="An old generation was used again; the family is over.")
REPLAYED = Death(reason="code_replayed", subcode=None, message="Its authorization code was used twice.")


def app_removed(app_id: str) -> Death:
    """Return why tokens die when the person removes the app (subcode 458)."""
    return Death(
        reason="app_removed", subcode=458, message=f"The user has not authorized application {app_id}."
    )


def expired(expires_at: int, now: int) -> Death:
    """Return why a token dies of time (subcode 463); the dates are Pacific text (facebook.md §11)."""
    return Death(
        reason="expired",
        subcode=463,
        message=f"Session has expired on {_pacific(expires_at)}. The current time is {_pacific(now)}.",
    )


def _pacific(instant: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant // SECOND) - timedelta(hours=8)
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[moment.weekday()]
    return f"{day}, {moment:%d-%b-%y %H:%M:%S} PST"
