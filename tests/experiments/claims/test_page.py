"""`python -m experiments claims`: what it writes, prints and refuses; and the page in docs."""

import json
import math
import re
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.analysis.finding import CURVATURE, TALLY, Finding, every, some
from experiments.analysis.statistics import Estimate
from experiments.claims import CLAIMS, claim_class, sentences
from experiments.claims.command import at_full_length
from experiments.claims.page import (
    FIGURES,
    by_name,
    load,
    print_sentences,
    render,
    store,
    write_page,
)
from experiments.claims.sentences import Sentence
from experiments.claims.theorem_1 import TheoremOne

DOCS = Path(__file__).parents[3] / "docs"
SHORT = ["theorem-1", "--num-starts", "20", "--optimal-probs", "1e-2", "1e-3", "1e-4"]
# Claims whose default run takes a second or two, and longer ones; `initialization` takes a minute.
CHEAP = ["attraction", "theorem-1", "asr-well", "asr-well-digits"]
LONGER = ["theorem-2", "arithmetic-wells", "ways-out", "future-work"]


def test_a_claim_with_its_settings_from_the_command_line(tmp_path, capsys):
    assert main(["claims", *SHORT, "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"holds +Equal gaps, K = 6: the wait grows like 1/Delta", out)
    assert re.search(r"fails +Unequal rewards \(1.0, 0.9, 0.1\)", out)
    settings, findings = load(tmp_path, "theorem-1")
    assert settings["num_starts"] == 20 and settings["optimal_probs"] == [1e-2, 1e-3, 1e-4]
    page = (tmp_path / "claims.md").read_text()
    for i, finding in enumerate(findings, 1):
        row = next(line for line in page.splitlines() if line.startswith(f"| 2.{i} | **"))
        assert f"**{finding.verdict}**" in row and finding.statement in row
        assert f"{finding.estimate.value:.4g}" in row and "[theorem-1](#theorem-1)" in row
    assert '<a id="theorem-1"></a>' in page
    figure = tmp_path / re.search(r"!\[.*\]\((.*\.png)\)", page).group(1)
    assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size < 200_000


def test_running_one_claim_again_renews_its_part_alone(tmp_path):
    finding = Finding("s | t", "m", Estimate(1.0, math.nan, math.inf), (0.0, math.inf))
    store(tmp_path, claim_class("attraction")(), [finding])
    (restored,) = load(tmp_path, "attraction")[1]
    assert math.isnan(restored.estimate.low) and restored.estimate.high == math.inf
    assert restored.true_in == (0.0, math.inf) and restored.verdict == "undecided"
    assert main(["claims", *SHORT, "--output", str(tmp_path)]) == 0
    page = (tmp_path / "claims.md").read_text()
    assert "| 1.1 | **undecided** | s \\| t | 1 |" in page and "| 2.1 | **" in page
    changed = Finding("s | t", "m", Estimate(1.0, 1.0, 1.0), (0.0, 2.0))
    store(tmp_path, claim_class("attraction")(), [changed])
    again = write_page(tmp_path).read_text()
    assert "| 1.1 | **holds** |" in again
    assert again.split("| 2.1 |", 1)[1].split("##")[0] == page.split("| 2.1 |", 1)[1].split("##")[0]


def stored_sentence(tmp_path, monkeypatch, estimates, rule):
    """A page whose one sentence is decided by findings with these numbers; true below 0."""
    found = [
        Finding(f"statement {i}", "m", Estimate(*ends), (-math.inf, 0.0), f"f{i}")
        for i, ends in enumerate(estimates)
    ]
    store(tmp_path, claim_class("attraction")(), found)
    names = tuple(finding.name for finding in found)
    sentence = Sentence("words", "here", "attraction", names, rule)
    monkeypatch.setattr(sentences, "SENTENCES", (sentence,))
    return render(tmp_path)


def test_a_sentence_follows_from_its_findings(tmp_path, monkeypatch, capsys):
    below, above, across = (-2.0, -3.0, -1.0), (2.0, 1.0, 3.0), (0.5, -1.0, 2.0)
    cases = [
        ([below, below], every, "holds", 0),
        ([below, across], every, "undecided", 1),
        ([below, across, above], every, "fails", 2),
        ([above, across, below], some, "holds", 2),
        ([above, across], some, "undecided", 1),
        ([above, above], some, "fails", 0),
    ]
    for estimates, rule, verdict, decider in cases:
        page = stored_sentence(tmp_path, monkeypatch, estimates, rule)
        value, low, high = estimates[decider]
        row = f"| words (here) | **{verdict}** | {value:.4g} [{low:.4g}, {high:.4g}] |"
        assert f"{row} [1.{decider + 1}](#attraction) statement {decider} (" in page
        print_sentences(tmp_path)
        out = capsys.readouterr().out
        assert out.startswith(verdict) and f"1.{decider + 1} statement {decider}" in out
    assert "Of 1 sentences 0 hold, 1 fail, 0 are undecided." in out


def test_every_sentence_is_decided_by_findings_that_there_are():
    findings = by_name(DOCS)
    for sentence in sentences.SENTENCES:
        assert sentence.told_by(findings), sentence
        assert len(set(sentence.findings)) == len(sentence.findings)
    named = {(s.claim, name) for s in sentences.SENTENCES for name in s.findings}
    assert named <= findings.keys()
    page = (DOCS / "claims.md").read_text()
    assert page.count("|\n") > len(sentences.SENTENCES)
    assert page.index("Sentence by sentence") < page.index("The statements that decide")
    assert page.rindex("## ") == page.index("## All statements")


def test_intervals_say_what_they_are_of(tmp_path):
    line = Finding("s", "m", Estimate(1.0, 0.9, 1.1), (0.0, 2.0), interval=CURVATURE)
    store(tmp_path, claim_class("attraction")(), [line])
    assert load(tmp_path, "attraction")[1] == [line]
    assert "[0.9, 1.1] curvature |" in render(tmp_path)
    count = Finding("s", "m", Estimate(4.0, 4.0, 4.0), (6.0, 6.0), interval=TALLY)
    store(tmp_path, claim_class("attraction")(), [count])
    assert "| 4 [4, 4] tally |" in render(tmp_path).replace("| 4 | [4, 4]", "| 4 [4, 4]")


def test_full_settings_give_way_to_those_of_the_user():
    full = at_full_length(TheoremOne(num_starts=5))
    assert full.num_starts == 5
    assert full.optimal_probs == TheoremOne.full["optimal_probs"]
    for name in CLAIMS:
        longer = at_full_length(claim_class(name)()) != claim_class(name)()
        assert longer == bool(claim_class(name).full)
    reading = [name for name in CLAIMS if not claim_class(name).full]
    assert reading == ["asr-well", "asr-well-digits"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["theorem-3"], "claim='theorem-3' is unknown; .* Did you mean 'theorem-"),
        (["theorem-1", "attraktion"], "Did you mean 'attraction'"),
        (["theorem-1", "--num-starts", "0"], "num_starts=0 must be a whole number of at least 1"),
        (["theorem-1", "--learning-rate", "-1"], "learning_rate=-1.0"),
        (["theorem-1", "--optimal-probs"], r"optimal_probs=\(\)"),
        (["theorem-1", "--optimal-probs", "0.01", "0.02"], "at least 3"),
        (
            ["theorem-1", "--optimal-probs", "0.01", "0.2", "0.03"],
            r"optimal_probs=0.2 .* in \(0, 0.1\)",
        ),
        (["theorem-1", "--output", __file__], "output=.* cannot be written"),
    ],
)
def test_bad_input_ends_with_code_2_and_one_sentence(words, message, tmp_path, capsys):
    words = ["claims", *words]
    if "--output" not in words:
        words += ["--output", str(tmp_path / "out")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_option_of_another_claim_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["claims", "theorem-1", "--num-instances", "3", "--output", str(tmp_path)])
    assert stopped.value.code == 2
    assert "num-instances" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", '{"settings": {}, "findings": [{"value": 1}]}'])
def test_damaged_findings_are_named(text, tmp_path):
    path = tmp_path / FIGURES / "attraction.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"attraction\.json.* is damaged; run the claim again"):
        render(tmp_path)
    with pytest.raises(ValueError, match="has no"):
        load(tmp_path, "theorem-1")


def test_the_page_in_docs_is_the_stored_findings():
    assert (DOCS / "claims.md").read_text() == render(DOCS)
    for name in CLAIMS:
        assert (DOCS / FIGURES / f"{name}.png").stat().st_size < 200_000
        stored = json.loads((DOCS / FIGURES / f"{name}.json").read_text())
        assert stored["settings"] == json.loads(json.dumps(claim_class(name)().settings))


def check_numbers(name):
    claim = claim_class(name)()
    stored, now = load(DOCS, name)[1], claim.judge(claim.run())
    for before, after in zip(stored, now, strict=True):
        assert (after.statement, after.measure) == (before.statement, before.measure)
        for end in ("value", "low", "high"):
            was = getattr(before.estimate, end)
            assert getattr(after.estimate, end) == pytest.approx(
                was, rel=1e-6, abs=1e-9, nan_ok=True
            )
        assert after.verdict == before.verdict


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_claims_give_the_numbers_of_the_page(name):
    check_numbers(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONGER)
def test_longer_claims_give_the_numbers_of_the_page(name):
    check_numbers(name)
