"""Numbers of other types than int and float, in both ways of writing a plugin."""
import numbers
import sys
import unittest
from decimal import Decimal
from fractions import Fraction

from fakes import plugin_context
from support import HEAD, Folder, Worker, metrics_of

from panoptes import check, counter, gauge, testing
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentSet
from yahoo_panoptes.framework.metrics import PanoptesMetric, PanoptesMetricsGroup, PanoptesMetricsGroupSet
from yahoo_panoptes.framework.values import plain_number, shown
from yahoo_panoptes.polling.polling_plugin import PanoptesPollingPlugin


class Half(numbers.Real):
    """What only says that it is a real number, as those of libraries do."""

    def __float__(self):
        return 0.5

    def _not(self, *args):
        return NotImplemented

    __trunc__ = __floor__ = __ceil__ = __round__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __lt__ = __le__ = _not
    __add__ = __radd__ = __neg__ = __pos__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _not
    __abs__ = __eq__ = __hash__ = _not


SAME = (
    (Decimal('1.10'), 1.1), (Decimal('5'), 5), (Decimal('5.0'), 5.0), (Decimal('1E+3'), 1000), (Decimal('-0.5'), -0.5),
    (Decimal(2) ** 70, 2 ** 70), (Decimal('1E-400'), 0.0), (Fraction(1, 3), 1 / 3), (Fraction(4, 2), 2),
    (Fraction(2 ** 90, 2), 2 ** 89), (Half(), 0.5), (5, 5), (0.25, 0.25), (-0.0, -0.0), (10 ** 30, 10 ** 30),
)

# With the numpy of the requirements: the oldest and the newest, for the oldest and the newest Python.
NUMPY = sys.version_info[:2] in ((3, 8), (3, 13))


def numpy_values():
    if not NUMPY:
        return []
    import numpy
    return [(numpy.int64(5), 5), (numpy.uint64(2 ** 64 - 1), 2 ** 64 - 1), (numpy.int8(-3), -3), (numpy.float64(0.1), 0.1),
            (numpy.float32(0.1), float(numpy.float32(0.1))), (numpy.float16(1.5), 1.5), (numpy.longdouble(0.25), 0.25)]


class Values(unittest.TestCase):
    def test_plain(self):
        for value, expected in SAME + tuple(numpy_values()):
            with self.subTest(repr(value)):
                number = plain_number(value)
                self.assertEqual((type(expected), repr(expected)), (type(number), repr(number)))

    def test_beyond(self):
        for value in (Decimal('NaN'), Decimal('sNaN'), Decimal('Infinity'), Decimal('-1E+5000'), Decimal('1E+999999999'),
                      Fraction(10 ** 400, 3)):
            self.assertIn(repr(plain_number(value)), ('nan', 'inf', '-inf'))
        for value in (True, None, 'x', 1j, [1]):
            self.assertIs(value, plain_number(value))

    def test_shown(self):
        class Silent:
            def __repr__(self):
                raise ValueError
        self.assertEqual("'x' of type str", shown('x'))
        self.assertEqual('a value that cannot be shown of type Silent', shown(Silent()))
        self.assertLess(len(shown('x' * 10 ** 6)), 100)

    def test_metrics(self):
        # As in Panoptes a metric keeps what it is given; what is sent of it is below.
        for value, _ in SAME:
            metric = PanoptesMetric('m', value, True)
            self.assertIs(value, metric.metric_value)
            self.assertEqual(1, metric.metric_type)
        self.assertEqual('{"k": {"a": 1.5, "b": 2}}', PanoptesEnrichmentSet('k', {'a': Decimal('1.5'), 'b': Fraction(2)}).json())

        class Plugin(PanoptesPollingPlugin):
            def run(self, context):
                group = PanoptesMetricsGroup(context.data, 't', 60)
                group.add_metric(PanoptesMetric('a', Decimal('1.10'), 0))
                groups = PanoptesMetricsGroupSet()
                groups.add(group)
                return groups
        self.assertEqual({'a': 1.1}, testing.run(Plugin).data()[0]['gauges'])

    def test_no_numbers(self):
        for value, text in (('abc', "'abc' of type str"), (True, 'True of type bool'), (None, 'None of type NoneType')):
            with self.assertRaises(AssertionError) as caught:
                PanoptesMetric('load', value, 0)
            self.assertEqual('metric_value must be number', str(caught.exception))
            self.assertEqual(['that of metric "load" is ' + text], caught.exception.__notes__)

    def test_checks(self):
        @check
        def all_of_them():
            for at, (value, _) in enumerate(SAME + tuple(numpy_values())):
                yield gauge('m{}'.format(at), value)
            yield counter('c', Decimal(7), slot=Fraction(3), timestamp=Decimal('1.5'))
        found = {metric.metric_name: metric.metric_value for group in all_of_them().run(plugin_context()) for metric in group.metrics}
        for at, (_, expected) in enumerate(SAME + tuple(numpy_values())):
            self.assertEqual(repr(expected), repr(found['m{}'.format(at)]))
        self.assertEqual(7, found['c'])


class Sent(Folder):
    def test_class(self):
        module = self.plugin('''
            from decimal import Decimal
            from fractions import Fraction
            groups = one(context.data, a=Decimal('1.10'), b=Fraction(1, 3), c=Decimal('NaN'), d=2 ** 70)
            late = PanoptesMetricsGroup(context.data, 'u', 60, Decimal('12.5'))
            late.add_metric(PanoptesMetric('e', 1, 0, Fraction(3, 2)))
            groups.add(late)
            return groups''')
        with Worker() as worker:
            result = worker.run(module)
            self.assertEqual({'a': 1.1, 'b': 1 / 3, 'd': 2 ** 70, 'e': 1}, metrics_of(result))
            self.assertEqual(12.5, result['groups'][1]['metrics_group_creation_timestamp'])
            self.assertEqual([('c', 'not_finite', 'metric_value of "c" is nan')], [
                (drop['metric'], drop['reason'], drop['message']) for drop in result['dropped']])

    def test_too_long_an_integer_costs_itself(self):
        # What is sent has to fit pluginsdk.ParseNumber, sign included; else the host drops the group.
        module = self.plugin('''
            from decimal import Decimal
            from fractions import Fraction
            return one(context.data, good=5, long=-10 ** 318, a=10 ** 400, b=Decimal('1E+400'), c=Fraction(10 ** 400), d=-10 ** 319)''')
        with Worker() as worker:
            result = worker.run(module)
        self.assertEqual({'good': 5, 'long': -10 ** 318}, metrics_of(result))
        self.assertEqual({(name, 'metric_value of "{}" is an integer of more than 319 digits'.format(name)) for name in 'abcd'},
                         {(drop['metric'], drop['message']) for drop in result['dropped']})

    def test_numpy(self):
        if not NUMPY:
            self.assertEqual([], numpy_values())
            return
        module = self.plugin('''
            import numpy as np
            return one(context.data, a=np.int64(5), b=np.float32(0.5), c=np.uint64(2 ** 64 - 1), d=np.float64(0.1), e=np.float16(1.5))''')
        with Worker() as worker:
            self.assertEqual({'a': 5, 'b': 0.5, 'c': 2 ** 64 - 1, 'd': 0.1, 'e': 1.5}, metrics_of(worker.run(module)))

    def test_a_bad_yield_costs_itself(self):
        self.write('c.py', '''
from panoptes import check, gauge
@check
def c():
    yield gauge('good', 1)
    for value in ('abc', None, True, float('inf'), 1j):
        yield gauge('bad', value)
    yield 5
    yield gauge('better', 2)
''')
        with Worker() as worker:
            result = worker.run(self.folder + '/c')
            self.assertEqual(('ok', {'good': 1, 'better': 2}), (result['outcome'], metrics_of(result)))
            self.assertEqual(['invalid'] * 3 + ['not_finite'] + ['invalid'] * 2, [drop['reason'] for drop in result['dropped']])
            self.assertIn('gauge "bad": the value must be a number, is \'abc\' of type str', result['dropped'][0]['message'])

    def test_what_is_left_out_is_bounded(self):
        self.write('many.py', HEAD + '''
class P(PanoptesPollingPlugin):
    def run(self, context):
        groups = one(context.data, good=1)
        group = next(groups)
        for number in range(1500):
            group.add_metric(PanoptesMetric('m%d' % number + 'x' * 5000, float('nan'), 0))
        groups.metrics_groups.update(range(10))
        return groups
''')
        with Worker() as worker:
            result = worker.run(self.folder + '/many')
            dropped = result['dropped']
            self.assertEqual({'good': 1}, metrics_of(result))
            self.assertEqual(1510, sum(drop.get('count', 1) for drop in dropped))
            self.assertLessEqual(len(dropped), 1002)
            self.assertLess(max(len(drop.get('metric', '')) for drop in dropped), 300)
            self.assertRegex(dropped[-1]['message'], r'\d+ more were left out as not_')


if __name__ == '__main__':
    unittest.main()
