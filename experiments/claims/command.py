"""`python -m experiments claims [NAME ...]`: run claims, print the verdicts, write the page."""

from __future__ import annotations

import dataclasses
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.analysis.finding import Finding
from experiments.claims import CLAIMS, claim_class
from experiments.claims.claim import Claim
from experiments.claims.page import FIGURES, interval_text, print_sentences, store, write_page
from experiments.files import check_files, save_figure
from experiments.options.config import parse_options
from experiments.pictures.style import new_figure
from gw_envs.checks import check_extra


@dataclass(frozen=True)
class ClaimsOptions:
    """What to do with the claims. A single claim that is named takes its own settings as well."""

    output: Path = Path("runs/claims")
    """Folder for claims.md and figures/claims/; earlier results there are kept beside new ones."""
    full: bool = False
    """The long runs: more starts, more instances, deeper wells."""


def main(arguments: list[str]) -> int:
    """Run the named claims, all of them by default."""
    names = []
    while arguments and not arguments[0].startswith("-"):
        names.append(arguments[0])
        arguments = arguments[1:]
    classes = [claim_class(name) for name in names or CLAIMS]
    groups: dict[str, type] = {"claims": ClaimsOptions}
    if len(names) == 1:
        groups["settings"] = classes[0]
    options, *settings = parse_options(
        arguments,
        prog=f"python -m experiments claims {names[0] if len(names) == 1 else '[NAME ...]'}",
        description=f"Run the literature's claims: {', '.join(CLAIMS)}.",
        groups=lambda: groups,
    )
    claims = settings or [cls() for cls in classes]
    if options.full:
        claims = [at_full_length(claim) for claim in claims]
    own = [f"{FIGURES / claim.name}{end}" for claim in claims for end in (".png", ".json")]
    check_files("output", options.output, ("claims.md", *own))
    for claim in claims:
        claim.check()
        check_extra("claim", claim.name, "report", *claim.packages)
    for claim in claims:
        print(f"\n{claim.title}")
        print_findings(run_claim(claim, options.output))
        print(f"  figure: {options.output / FIGURES / claim.name}.png")
    print(f"\n{write_page(options.output)}\n")
    print_sentences(options.output)
    return 0


def at_full_length(claim: Claim[Any]) -> Claim[Any]:
    """The claim with its `full` settings, except those that the user has changed."""
    default = type(claim)()
    kept = {key: v for key, v in claim.settings.items() if v != getattr(default, key)}
    return dataclasses.replace(claim, **(claim.full | kept))


def run_claim(claim: Claim[Any], output: Path) -> list[Finding]:
    """Run one claim; write its figure and its findings, each whole or not at all."""
    claim.check()
    evidence = claim.run()
    findings = claim.judge(evidence)
    figure = new_figure(*claim.figure_size)
    claim.draw(evidence, figure)
    path = output / FIGURES / f"{claim.name}.png"
    save_figure(figure, path, dpi=90)
    store(output, claim, findings)
    return findings


def print_findings(findings: list[Finding]) -> None:
    """A verdict, its number and its interval per statement."""
    for finding in findings:
        lines = textwrap.wrap(finding.statement, 62)
        number = f"{finding.estimate.value:.4g}"
        print(f"  {finding.verdict:<10}{lines[0]:<64}{number:>10}  {interval_text(finding)}")
        for line in lines[1:]:
            print(f"{'':<12}{line}")
