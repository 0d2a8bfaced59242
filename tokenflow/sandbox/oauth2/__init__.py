"""The OAuth face: a plain OAuth 2 server under `/oauth2`, with four ways to rotate refresh tokens."""
