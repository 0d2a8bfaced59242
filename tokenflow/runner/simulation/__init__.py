"""What would happen: lives through virtual time, run by the product's own flows at a model issuer.

`scene` says what is played, `issuer` and `world` are the stage, `life` is one token's life step by
step, `lanes` runs many of them fast, `tally` counts, `fleet` samples and shares out the work.
"""
