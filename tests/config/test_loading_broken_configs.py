"""Every broken configuration is answered with its whole line: where, what is wrong, the mend."""

from pathlib import Path

import pytest

from monitor.config.loading import load_config
from monitor.errors import ConfigError
from tests.config import broken_configs


@pytest.mark.parametrize("case", broken_configs.ALL, ids=lambda case: case.name)
def test_a_broken_config_is_answered_line_by_line(case: broken_configs.BrokenConfig, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(case.text)
    path.chmod(case.mode)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    lines = [str(error) for error in (caught.value, *caught.value.others)]
    assert lines == [line.replace("FOLDER", str(tmp_path)) for line in case.lines]


def test_the_table_is_as_long_as_promised() -> None:
    assert len({case.name for case in broken_configs.ALL}) == len(broken_configs.ALL) >= 60
