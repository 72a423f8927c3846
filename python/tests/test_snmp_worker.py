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
                'snmp.open': lambda params: {'version': '3'},
                'snmp.get': lambda params: {'types': 'TICKS', 'values': ['12']},
                'snmp.bulk_walk': lambda params: {'indexes': ['1', '7'], 'types': 'GAUGE', 'values': ['5', '6']},
            })
            result = worker.run(self.plugin(SNMP), run_id=5)
            self.assertEqual('ok', result['outcome'], result)
            self.assertEqual({'up': 12, 'i1': 5, 'i7': 6}, metrics_of(result))
            target = {'host': 'test_endpoint', 'port': 161, 'timeout': 5, 'retries': 1, 'site': 'test_site',
                      'community_key': 'snmp_community_string'}
            self.assertEqual([
                ('snmp.open', {'target': target, 'run_id': 5}),
                ('snmp.bulk_walk', {'target': target, 'run_id': 5, 'oid': '.1.2', 'max_repetitions': 10}),
                ('snmp.get', {'target': target, 'run_id': 5, 'oids': ['.1.3.0']}),
            ], worker.calls)
            self.assertIn('Using SNMPv3 connection for test_endpoint', [log['message'] for log in worker.logs])

    def test_not_there_yet(self):
        with Worker(context={'snmp': {'community': 'hush'}}) as worker:
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
