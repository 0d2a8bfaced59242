"""A real browser logs in: a page with the stand-in SDK, and the application's own server behind it."""
