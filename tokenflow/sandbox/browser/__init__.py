"""The JavaScript side: a browser's session, our own stand-in for the browser SDK, and what it asks."""
