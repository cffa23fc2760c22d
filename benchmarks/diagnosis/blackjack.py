"""Blackjack-v1 (Sutton and Barto, Example 5.1; an endless deck) as an exact table."""

from __future__ import annotations

import functools

import numpy as np

from benchmarks.diagnosis.worlds import Model

CARDS = [(value, (4 if value == 10 else 1) / 13) for value in range(1, 11)]
STATES = [(p, d, u) for p in range(4, 22) for d in range(1, 11) for u in (0, 1)]
NUMBERS = {state: number for number, state in enumerate(STATES)}


def with_card(hard: int, ace: int, card: int) -> tuple[int, int]:
    """A hand's sum with aces as 1 and whether it has one, after a card."""
    return hard + card, int(ace or card == 1)


def shown(hard: int, ace: int) -> tuple[int, int]:
    """The sum that counts, and whether an ace is used as 11."""
    usable = int(ace and hard + 10 <= 21)
    return hard + 10 * usable, usable


@functools.cache
def dealer(hard: int, ace: int) -> tuple[float, ...]:
    """Chances of the dealer's final score 0 (bust), 17, ..., 21 from a hand."""
    score, _ = shown(hard, ace)
    if score >= 17:
        final = 0 if score > 21 else score - 16
        return tuple(float(n == final) for n in range(6))
    ends = [chance * np.array(dealer(*with_card(hard, ace, card))) for card, chance in CARDS]
    return tuple(np.sum(ends, axis=0).tolist())


def model() -> Model:
    """States are (player's sum, dealer's card, usable ace); actions stick, hit."""
    chances, rewards = np.zeros((len(STATES), 2, len(STATES))), np.zeros((len(STATES), 2))
    for number, (player, card, usable) in enumerate(STATES):
        ends = np.zeros(6)  # the dealer holds the card and draws at least one more
        for second, chance in CARDS:
            ends += chance * np.array(dealer(*with_card(card, int(card == 1), second)))
        mine = player - 16 if player >= 17 else 0.5  # above a bust, below 17
        rewards[number, 0] = float(ends @ np.sign(mine - np.arange(6)))
        hard = player - 10 * usable
        for new, chance in CARDS:
            after, used = shown(*with_card(hard, usable, new))
            if after > 21:
                rewards[number, 1] -= chance
            else:
                chances[number, 1, NUMBERS[after, card, used]] += chance
    start = np.zeros(len(STATES))
    for first, a in CARDS:
        for second, b in CARDS:
            hand = with_card(*with_card(0, 0, first), second)
            for card, c in CARDS:
                player, usable = shown(*hand)
                start[NUMBERS[player, card, usable]] += a * b * c
    return Model(chances, rewards, start, np.arange(len(STATES)))


def number_of(text: str) -> int:
    """The state of an observation's text, "(player, dealer, usable)"."""
    player, card, usable = (int(word) for word in text.strip("()").split(", "))
    return NUMBERS[player, card, usable]
