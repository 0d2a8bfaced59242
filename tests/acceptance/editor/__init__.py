"""The real yaml-language-server, and what it shows a person who writes a spec."""
