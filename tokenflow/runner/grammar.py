"""English for people: one file, two files; a token, an application."""


def counted(number: int, noun: str) -> str:
    """Return `1 file` or `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def article(word: str) -> str:
    """Return *word* behind its article: `an app token`, `a user token`."""
    return f"{'an' if word[:1].lower() in 'aeio' else 'a'} {word}"
