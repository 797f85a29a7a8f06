"""Two games in one shared realm see one landmark each in its own way."""

from pathlib import Path

from tests.bots.same_well import meet


def test_two_at_one_well_disagree_compare_and_take_each_others_word(tmp_path: Path) -> None:
    result = meet(tmp_path)
    assert result["near"] == [result["place"]] * 2
    aki, ben = result["beliefs"]["Aki"], result["beliefs"]["Ben"]
    assert aki[0] == result["truth"] and aki[1] > 0.9 and ben[1] < 0.1
    assert result["lessons"] == [["hearsay", [result["truth"]]]]
    mine, theirs = result["compared"][1]
    assert mine[0] == "you" and mine[2] < 10 and theirs[:2] == ("Aki", result["truth"]) and theirs[2] > 90
    assert all(Path(path).stat().st_size > 10_000 for path in result["pictures"])
    assert len({Path(path).read_bytes() for path in result["pictures"]}) == len(result["pictures"])
