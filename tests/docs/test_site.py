"""The documentation: it builds as a site without a warning, and says what the code says."""

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from agents import metrics
from experiments.claims import CLAIMS
from experiments.results import COLUMNS
from gw_envs.registration import ENVIRONMENTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built once; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def text_of(page):
    return re.sub(r"<[^>]+>", "", page.read_text())


def test_every_page_is_in_the_navigation(site):
    home = (site / "index.html").read_text()
    for page in DOCS.glob("*.md"):
        if page.stem != "index":
            assert (site / page.stem / "index.html").exists()
            assert f'href="{page.stem}/"' in home, page.stem


def test_the_site_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loads = re.findall(
            r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', page.read_text()
        )
        assert not loads, page


def test_pages_made_of_code_are_what_the_code_says():
    spec = importlib.util.spec_from_file_location("pages", ROOT / "tests" / "tools" / "pages.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    pinned = f"tyro=={version('tyro')}\n" in (ROOT / "constraints.txt").read_text()
    for file, make in tool.PAGES.items():
        if file == "commands.md" and not pinned:
            continue  # another tyro breaks the lines of its help elsewhere
        assert (DOCS / file).read_text() == make(), "run python tests/tools/pages.py"


def test_every_environment_has_its_docstring_on_the_site(site):
    text = text_of(site / "environments" / "index.html")
    for env_id in ENVIRONMENTS:
        assert env_id in text
    for heading in ("Action Space", "Observation Space", "Rewards", "Arguments"):
        assert text.count(heading) >= len(ENVIRONMENTS)


def test_figures_and_claims_are_on_the_site(site):
    page = (site / "claims" / "index.html").read_text()
    for name in CLAIMS:
        assert f'id="{name}"' in page and f'href="#{name}"' in page
    for target in re.findall(r'<img[^>]*src="([^"]+)"', page):
        assert (site / "claims" / target).resolve().exists(), target


def test_the_best_action_is_no_emphasis(site):
    """Two `a*` in a paragraph would become italics in Python-Markdown without its extension."""
    for page in site.rglob("index.html"):
        for part in re.findall(r"<em>(.*?)</em>", page.read_text(), re.S):
            assert len(part) < 120 and not part.startswith((")", " ")), (page, part)


def logged_keys():
    """Every name in metrics.py that a run logs, and every column with a namespace."""
    keys = set()
    for name, value in vars(metrics).items():
        if name.isupper() and isinstance(value, str | tuple) and not name.endswith("_FAMILY"):
            keys |= {value} if isinstance(value, str) else set(value)
    return keys | {column for table in COLUMNS.values() for column in table if "/" in column}


def test_the_glossary_has_every_key_and_no_other():
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", (DOCS / "glossary.md").read_text(), re.M)
    named = [key for key, _ in rows]
    assert len(named) == len(set(named))
    assert set(named) == logged_keys()
    assert all(len(meaning.strip()) > 3 for _, meaning in rows)


def test_the_example_claim_of_the_page_runs(tmp_path):
    page = (DOCS / "extending.md").read_text()
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "Claim[" in block
    )
    names = {"__name__": "example"}
    exec(compile(code, "extending.md", "exec"), names)
    claim = names["Doubling"]()
    (finding,) = claim.judge(claim.run())
    assert finding.verdict == "holds"
    (slower,) = claim.judge(100 * claim.run())
    assert slower.verdict == "fails"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_work_in_the_repositorys_browser_too(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
