"""The embedded store: programs, customers, the decision log, outcomes, snapshots. All SQL is here.

`open_store` gives a `Store`. The modules named after nouns (`programs`, `customers`, `predictions`,
`assignments`, `decisions`, `outcomes`, `snapshots`, `learning`) hold functions that take one of its
connections and many rows.
"""

from engine.store.store import Store, open_store

__all__ = ["Store", "open_store"]
