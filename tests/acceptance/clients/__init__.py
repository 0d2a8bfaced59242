"""Clients that others wrote, doing all they offer against the real `tokenflow sandbox` command."""
