"""EtherLike-MIB: dot3StatsTable."""

_BASE = '.1.3.6.1.2.1.10.7.2.1'

dot3StatsAlignmentErrors = _BASE + '.2'
dot3StatsFCSErrors = _BASE + '.3'
dot3StatsFrameTooLongs = _BASE + '.13'

dots3stats_table_oids = [dot3StatsFCSErrors, dot3StatsAlignmentErrors, dot3StatsFrameTooLongs]
