"""The measurements of ``bench/``: what they measure is what the course teaches."""

from bench.networks import DATA, network
from convbook import data


def test_the_networks_are_those_of_the_slides():
    counts = {name: network(name).count_params() for name in DATA}
    assert counts["conv64-dense32"] == 1_845_354
    assert counts["conv64-pool-dense32"] == 462_954
    assert counts["two-blocks"] == 564_426
    assert counts["fashion"] == 1_413_834
    assert counts["softmax"] == 7_850
    for row in data.results("networks")["rows"]:
        assert row["parameters"] == counts[row["network"]]
