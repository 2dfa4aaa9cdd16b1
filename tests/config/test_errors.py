"""Locations in a configuration file."""

from monitor.config.errors import MAX_SHOWN_NAME, Location


def test_table_is_shown_with_its_own_name() -> None:
    assert str(Location("c.toml", "rules").item(0, "thin").key("when")) == 'c.toml: rules[0] "thin".when'


def test_endless_or_unreadable_name_is_left_out() -> None:
    for name in ("x" * (MAX_SHOWN_NAME + 1), "two\nlines", "", 7, None):
        assert str(Location("c.toml", "rules").item(0, name)) == "c.toml: rules[0]"
