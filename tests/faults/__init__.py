"""What may go wrong, made to go wrong on purpose: `python -m tests.faults --kills 500`.

Every module here with a `campaign(size, seed) -> Report` is one kind of fault. The gate runs them small
(`GATE`, in tests/faults/test_*.py); a campaign is the same code with a bigger number.
"""
