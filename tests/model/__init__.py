"""The model checker: the product's refresh protocol, explored in every order with every fault.

`values` is what a state is made of, `issuers` the four contracts, `steps` how each step is performed,
`world` what else can happen, `explore` the search, `plants` the bugs it must find.
"""
