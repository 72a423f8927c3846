"""Runs that are recorded and repeated."""
import time
import unittest

from support import Folder, Worker, metrics_of

BODY = '''
    import calendar, datetime, time
    from datetime import datetime as moment
    from time import localtime, monotonic, time as now
    import helper
    import json.decoder
    moments = [datetime.datetime.now(datetime.timezone.utc), moment.now(), moment.utcnow(), moment.today()]
    assert all(isinstance(m, moment) and isinstance(m, datetime.date) for m in moments)
    assert issubclass(datetime.datetime, datetime.date) and type(moments[0] - moments[0]) is datetime.timedelta
    assert moment(2020, 1, 2) == moment.strptime('2020-01-02', '%Y-%m-%d')
    assert datetime.date.today().year >= 2024 and len(time.ctime()) == 24 and time.gmtime(0).tm_year == 1970
    return one(context.data, now=now(), ns=time.time_ns(), monotonic=monotonic(), perf=time.perf_counter(),
               local=time.mktime(localtime()), text=int(time.strftime('%Y%m%d%H%M%S')), helper=helper.now(),
               **{'m%d' % i: m.timestamp() for i, m in enumerate(moments)})
'''


class Recorded(Folder):
    def test_repeated(self):
        module = self.plugin(BODY)
        self.write('helper.py', 'import time\ndef now():\n    return time.time()\n')
        with Worker() as worker:
            first = worker.run(module, sys_path=True, clock={})
            self.assertEqual('ok', first['outcome'], first.get('error'))
            time.sleep(0.05)
            again = worker.run(module, sys_path=True, clock={'readings': first['clock']})
            self.assertEqual(first['groups'], again['groups'])
            self.assertEqual(first['clock'], again['clock'])
            other = worker.run(module, sys_path=True)
            self.assertNotIn('clock', other)
            self.assertNotEqual(metrics_of(first)['now'], metrics_of(other)['now'])
            self.assertGreater(metrics_of(other)['ns'], metrics_of(first)['ns'])

    def test_beyond_the_recording(self):
        """The clock stands where the recording ends, and what it has nothing of is read."""
        module = self.plugin('import time\nreturn one(context.data, a=time.time(), b=time.time(), c=time.monotonic())')
        with Worker() as worker:
            result = worker.run(module, clock={'readings': [['time', 1500000000123456789]]})
        metrics = metrics_of(result)
        self.assertEqual((1500000000.123456789, 1500000000.123456789), (metrics['a'], metrics['b']))
        self.assertEqual(1500000000.123, result['groups'][0]['metrics_group_creation_timestamp'])
        self.assertGreater(metrics['c'], 0)


if __name__ == '__main__':
    unittest.main()
