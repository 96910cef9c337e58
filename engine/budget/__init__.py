"""Budgets: what contacts use up and there is only so much of, as money, send capacity, stock.

`tariff` says what each action draws on which budget, `supply` acts on the mask and the score before the draw,
`book` keeps the ledger while decisions are made, `pace` moves the shadow prices, `solve` finds those of a
whole batch. `docs/decisions/013` says why.
"""
