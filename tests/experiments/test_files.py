"""Files that are whole or absent, and the checks that they can be made."""

import os

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from experiments.files import (
    check_file,
    check_folder,
    make_writable,
    save_figure,
    save_table,
    save_text,
    write_atomically,
)
from experiments.pictures.style import STATE_COLORS, color_of, legend, new_figure


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "deep" / "text"
    save_text("whole", path)

    def half(target):
        target.write_text("ha")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_text_is_utf8_whatever_the_locale(tmp_path):
    save_text("θ ≥ 0\n", tmp_path / "page.md")
    assert (tmp_path / "page.md").read_bytes() == "θ ≥ 0\n".encode()


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_a_table_comes_back(name, tmp_path):
    table = pa.table({"rule": ["a", "b"], "time": [3, 4]})
    save_table(table, tmp_path / name)
    read = pc.read_csv if name.endswith("csv") else pq.read_table
    assert read(tmp_path / name).equals(table)


def test_a_figure_has_so_many_pixels_to_the_inch(tmp_path):
    save_figure(new_figure(3, 2), tmp_path / "figure", dpi=50)
    with Image.open(tmp_path / "figure") as picture:
        assert (picture.format, picture.size) == ("PNG", (150, 100))


def test_a_legend_has_one_entry_per_label_with_the_last_line_of_it():
    panel = new_figure(3, 2).subplots()
    for number, label in enumerate(("run", "run", "bound")):
        panel.plot([0, 1], [0, number], color=color_of(number), label=label)
    legend(panel, loc="lower left")
    entries = panel.get_legend().get_texts()
    assert [text.get_text() for text in entries] == ["run", "bound"]
    assert [line.get_color() for line in panel.get_legend().get_lines()] == [
        STATE_COLORS[1],
        STATE_COLORS[2],
    ]


def test_colours_begin_again():
    assert len(set(STATE_COLORS)) == 6
    assert [color_of(i) for i in range(12)] == 2 * list(STATE_COLORS)


def places(root):
    """Folders in which nothing can be made, and what is in the way."""
    (root / "file").write_text("")
    (root / "dangling").symlink_to(root / "gone")
    return {
        "a file": root / "file",
        "below a file": root / "file" / "a" / "b",
        "a dangling link": root / "dangling",
        "a long name": root / ("n" * 300) / "x",
    }


@pytest.mark.parametrize("place", ["a file", "below a file", "a dangling link", "a long name"])
@pytest.mark.parametrize("check", [check_folder, make_writable])
def test_a_folder_that_cannot_be_written_is_named(check, place, tmp_path):
    folder = places(tmp_path)[place]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"output='.*' cannot be written \(.+\); name a folder"):
        check("output", folder)
    with pytest.raises(ValueError, match="output='runs' cannot be written"):
        check("output", folder, "runs")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="Permission denied"):
        check_folder("output", tmp_path / "new")


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    check_folder("output", tmp_path / "a" / "b")
    check_file("figure", tmp_path / "a" / "b.png")
    assert list(tmp_path.iterdir()) == []
    make_writable("output", tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"figure='.*' is a folder; name a file"):
        check_file("figure", tmp_path)
