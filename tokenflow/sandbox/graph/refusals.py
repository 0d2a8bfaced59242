"""The refusals several Graph endpoints share (facebook.md §6)."""

from tokenflow.sandbox.errors import GraphError
from tokenflow.sandbox.world import Death


def no_token() -> GraphError:
    """No access token came with a call that needs one."""
    return GraphError("An access token is required to request this resource.", code=104)


def no_active_user() -> GraphError:
    """`me` was asked for by nobody, or by an app."""
    text = "An active access token must be used to query information about the current user."
    return GraphError(text, code=2500)


def unknown_token() -> GraphError:
    """The string is no token of ours."""
    return GraphError("Invalid OAuth access token - Cannot parse access token", code=190)


def dead_token(death: Death) -> GraphError:
    """The token was ended; the subcode says how."""
    return GraphError(f"Error validating access token: {death.message}", code=190, subcode=death.subcode)


def bad_parameter(message: str) -> GraphError:
    """A parameter is missing or wrong."""
    return GraphError(f"(#100) {message}", code=100)


def bad_proof() -> GraphError:
    """The proof does not belong to this token and app (facebook.md §1.9)."""
    text = "Invalid appsecret_proof provided in the API argument"
    return GraphError(text, code=100, kind="GraphMethodException")


def missing_proof() -> GraphError:
    """The app asks for a proof with every call."""
    text = "API calls from the server require an appsecret_proof argument"
    return GraphError(text, code=100, kind="GraphMethodException")


def bad_client_id() -> GraphError:
    """No app has that id."""
    return GraphError(
        "Error validating application. Cannot get application info due to a system error.", code=101
    )


def bad_client_secret() -> GraphError:
    """The secret is not the app's."""
    return GraphError("Error validating client secret.", code=1)


def no_permission(message: str) -> GraphError:
    """The token is good and the permission is missing."""
    return GraphError(f"(#200) {message}", code=200)


def no_capability(what: str) -> GraphError:
    """A setting of the app switches this off."""
    text = f"(#3) Application does not have the capability to make this API call: {what}"
    return GraphError(text, code=3)


def rate_limited() -> GraphError:
    """The app has spent its hour."""
    return GraphError("(#4) Application request limit reached", code=4, status=403)


def unknown_path(path: str) -> GraphError:
    """Nothing is served there."""
    return GraphError(f"Unknown path components: /{path}", code=2500)


def unknown_object(name: str) -> GraphError:
    """No object has that id or alias."""
    if not name.isdigit():
        return GraphError(f"(#803) Some of the aliases you requested do not exist: {name}", code=803)
    text = f"Unsupported request. Object with ID '{name}' does not exist or cannot be loaded."
    return GraphError(text, code=100, subcode=33, kind="GraphMethodException")
