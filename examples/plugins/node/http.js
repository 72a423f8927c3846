#!/usr/bin/env node
'use strict';
// A process plugin: it lives on from run to run and speaks the plugin protocol (docs/plugin-protocol.md), JSON-RPC 2.0
// with one message a line, on stdin and stdout. Nothing else may go to stdout; stderr comes out in the Collector's log.
const http = require('node:http');
const readline = require('node:readline');

const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');
const running = new Map(); // what cancels a run, by its run_id

const methods = {
  initialize: () => ({ protocol_version: 1, capabilities: { concurrency: 100 } }),
  describe: () => ({
    groups: [{
      type: 'http',
      metrics: [
        { name: 'status', type: 'gauge', description: 'Status code of the answer' },
        { name: 'seconds', type: 'gauge', unit: 's', min: 0, description: 'Time to the end of the answer' },
        { name: 'size', type: 'gauge', unit: 'By', min: 0, description: 'Size of the answer' },
      ],
      dimensions: [{ name: 'path', description: 'Path that was asked for' }],
    }],
  }),
  run,
  cancel: ({ run_id }) => running.get(run_id)?.abort(),
  shutdown: () => {
    setImmediate(() => process.exit(0));
    return {};
  },
};

async function run({ run_id, resource, config, deadline }) {
  const canceled = new AbortController();
  running.set(run_id, canceled);
  const path = config.main.path;
  const begin = performance.now();
  try {
    const { status, size } = await get(`http://${resource.resource_endpoint}${path}`, canceled.signal);
    const seconds = (performance.now() - begin) / 1000;
    send({ method: 'log', params: { run_id, level: 'debug', message: `${path} answered ${status}` } });
    return { run_id, outcome: 'ok', groups: [{ type: 'http', dimensions: { path }, gauges: { status, seconds, size } }] };
  } catch (error) {
    return { run_id, outcome: 'raised', error: { type: error.name, message: error.message, traceback: error.stack } };
  } finally {
    running.delete(run_id);
  }
}

function get(url, signal) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { signal, agent: false }, (response) => {
      let size = 0;
      response.on('data', (chunk) => { size += chunk.length; });
      response.on('end', () => resolve({ status: response.statusCode, size }));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === undefined) return; // an answer to a call of ours: this plugin makes none
  const handler = methods[method];
  if (handler === undefined) {
    if (id !== undefined) send({ id, error: { code: -32601, message: `method not found: ${method}` } });
    return;
  }
  const result = await handler(params);
  if (id !== undefined) send({ id, result });
}).on('close', () => process.exit(0));
