"""The table of rules by name: how a rule enters it, and how one is found and made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast

from agents.updates.rule import ExactRule, SampledRule, UpdateRule
from gw_envs.checks import BadInput, check_choice, check_instance

RULES: dict[str, type[UpdateRule]] = {}
FORMS: dict[str, type[UpdateRule]] = {"exact": ExactRule, "sampled": SampledRule}
RuleClass = TypeVar("RuleClass", bound=type[UpdateRule])


def register(name: str) -> Callable[[RuleClass], RuleClass]:
    """Class decorator: name the rule and enter it in `RULES`, where every caller looks it up.

    Args:
        name: what the command line calls the rule.

    Raises:
        ValueError: if another class already has the name, or the class has neither form.
    """
    check_instance("name", name, str, "a word")

    def enter(rule: RuleClass) -> RuleClass:
        if name in RULES:
            raise BadInput(f"name={name!r} is taken by {RULES[name].__name__}; choose another.")
        if not issubclass(rule, tuple(FORMS.values())):
            raise BadInput(
                f"{rule.__name__} has neither an exact nor a sampled form: derive it from "
                "GradientRule, ExactRule or SampledRule."
            )
        rule.name = name
        RULES[name] = rule
        return rule

    return enter


def exact_rules() -> tuple[str, ...]:
    """The names of the rules that have an exact form."""
    return _names("exact")


def sampled_rules() -> tuple[str, ...]:
    """The names of the rules that have a sampled form."""
    return _names("sampled")


def _names(form: str) -> tuple[str, ...]:
    return tuple(name for name, rule in RULES.items() if issubclass(rule, FORMS[form]))


def check_rule(argument: str, name: Any, form: str) -> str:
    """Return `name` if it is that of a rule with this form.

    Raises:
        ValueError: naming `argument`, and the rules that have the form.
    """
    names = _names(form)
    if isinstance(name, str) and name in RULES and name not in names:
        raise BadInput(f"{argument}={name!r} has no {form} form; choose one of {', '.join(names)}.")
    return check_choice(argument, name, names)


def make_rule(name: str, /, **options: Any) -> ExactRule:
    """The rule called `name`, which must have an exact form.

    Args:
        name: one of `exact_rules()`.
        **options: fields of the rule's class; the others keep their defaults.

    Raises:
        ValueError: if the name or an option is unknown or an option is out of range.
    """
    return cast(ExactRule, _make(check_rule("name", name, "exact"), options))


def make_sampled_rule(name: str, /, **options: Any) -> SampledRule:
    """As `make_rule`, for one of `sampled_rules()`."""
    return cast(SampledRule, _make(check_rule("name", name, "sampled"), options))


def rule_options(argument: str, value: Any) -> dict[str, Any]:
    """The hyper-parameters that an argument gives, by name; None gives none.

    Raises:
        ValueError: naming `argument`, if it is no mapping, or a key is no word.
    """
    right = "a mapping from names of the rule's options to their values, or None"
    options = check_instance(argument, {} if value is None else value, Mapping, right)
    for key in options:
        check_instance(f"{argument}: key", key, str, "the name of an option")
    return dict(options)


def _make(name: str, options: dict[str, Any]) -> UpdateRule:
    rule = RULES[name]
    known = tuple(item.name for item in fields(rule) if item.init)
    for key in options:
        if key not in known:
            raise BadInput(f"{key!r} is no option of {name}; it takes {known or 'none'}.")
    return rule(**options)
