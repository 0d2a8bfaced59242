"""The oauth2 guest."""
