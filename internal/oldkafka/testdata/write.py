"""Writes messages with kafka-python 1.3.5, as Panoptes does: python3.6 write.py BROKER SITE.

The messages, one object of JSON a line of messages.jsonl, go to the topics SITE-<topic>.
"""
import json
import os
import sys

from kafka import KafkaClient, KeyedProducer
from kafka.partitioner import Murmur2Partitioner

broker, site = sys.argv[1:]
client = KafkaClient(broker)
producer = KeyedProducer(client, partitioner=Murmur2Partitioner)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'messages.jsonl'), encoding='utf-8') as lines:
    for line in lines:
        m = json.loads(line)
        topic = site + '-' + m['topic']
        by = (m['partitioned_by'] or m['key']).encode('utf-8')
        partitions = client.get_partition_ids_for_topic(topic) if client.has_metadata_for_topic(topic) else None
        if partitions is None:
            client.load_metadata_for_topics(topic)
        partition = producer._next_partition(topic, by)
        assert partition == m['partition'], (partition, m['partition'])
        producer._send_messages(topic, partition, m['value'].encode('utf-8'), key=m['key'].encode('utf-8'))
client.close()
