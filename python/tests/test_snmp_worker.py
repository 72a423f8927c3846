"""SNMP from a plugin in a worker to the host, and the modules that come with the package."""
from support import Folder, HostError, Worker, metrics_of

SNMP = '''
        from yahoo_panoptes.plugins.helpers.snmp_connections import PanoptesSNMPConnectionFactory
        connection = PanoptesSNMPConnectionFactory.get_snmp_connection(context, context.data)
        rows = connection.bulk_walk('.1.2')
        return one(context.data, up=int(connection.get('.1.3.0').value), **{'i' + row.index: int(row.value) for row in rows})
'''


class SNMPOfTheHost(Folder):
    def test_answers(self):
        with Worker(context={'snmp': {'community': 'hush'}}) as worker:
            worker.answers.update({
                'secrets.get': lambda params: {'value': None},
                'snmp.get': lambda params: {'variable': [params['oid'], 'TICKS', '12']},
                'snmp.bulk_walk': lambda params: {'variables': [['.1.2.1', 'GAUGE', '5'], ['.1.2.7', 'GAUGE', '6']]},
            })
            result = worker.run(self.plugin(SNMP))
            self.assertEqual('ok', result['outcome'], result)
            self.assertEqual({'up': 12, 'i1': 5, 'i7': 6}, metrics_of(result))
            method, params = worker.calls[-1]
            self.assertEqual('snmp.get', method)
            self.assertEqual(('test_endpoint', 161, '2c', 'hush'), tuple(
                params['target'][name] for name in ('host', 'port', 'version', 'community')))

    def test_not_there_yet(self):
        with Worker(context={'snmp': {'community': 'hush'}}) as worker:
            worker.answers['secrets.get'] = lambda params: {'value': None}
            result = worker.run(self.plugin(SNMP))
            self.assertEqual('raised', result['outcome'])
            self.assertEqual('PanoptesSNMPException', result['error']['type'])


class BuiltIn(Folder):
    def test_ping(self):
        config = {'Core': {'name': 'P'}, 'main': {'execute_frequency': '60', 'count': '1', 'timeout': '1'}}
        with Worker() as worker:
            result = worker.run(self.folder + '/plugin_polling_ping', config=config)
            self.assertEqual('ok', result['outcome'], result)
            self.assertIn('ping_status', metrics_of(result))

    def test_own_comes_first(self):
        with Worker() as worker:
            self.assertEqual({'m': 1}, metrics_of(worker.run(
                self.plugin('return one(context.data, m=1)', 'plugin_polling_ping'))))

    def test_others_are_missing(self):
        with Worker() as worker:
            with self.assertRaises(HostError):
                worker.describe(self.folder + '/plugin_polling_pong')
