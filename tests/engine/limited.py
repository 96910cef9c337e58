"""A program with limits at every level: program, group, group within it, offer, channel."""

from __future__ import annotations

TEXT = """
program: spring
attributes: {age: integer, spend: number, country: text, since: timestamp}
predictions: {churn: , p_buy.sale: sale}
groups:
  keep: {caps: [4 per 7 days, 7 per 25 days]}
  deals: {within: keep, caps: [3 per 7 days]}
offers:
  sale: {group: deals, priority: 3, caps: [1 per 3 days]}
  bonus: {group: deals, priority: 2}
  thanks: {group: keep, priority: 1}
  news: {}
channels:
  email: {consent: marketing, caps: [4 per 7 days]}
  sms: {consent: sms}
slots:
  now: {}
  tomorrow: {at: "18:30", days: 1}
caps: [6 per 7 days]
goal: {outcomes: {purchase: {share: 0.5}, visit: 1}, window: 7 days}
arms: {random: 1}
policy: {kind: uniform}
"""


def with_(**changed: str) -> str:
    """The program with more: a field of the top level, of `group_NAME`, `offer_NAME` or `channel_NAME`."""
    text = TEXT
    for where, field in changed.items():
        _, inside, name = where.partition("_")
        if inside:
            line = next(one for one in text.splitlines() if one.startswith(f"  {name}: {{"))
            rest = line.removeprefix(f"  {name}: {{")
            text = text.replace(line, f"  {name}: {{{field}{'' if rest == '}' else ', '}{rest}")
        else:
            text += f"{where}: {field}\n"
    return text
