#!/usr/bin/env node
// Measures something of a resource. One process serves all runs: it speaks the plugin protocol, JSON-RPC 2.0 with one
// message a line, on stdin and stdout. Nothing else may go to stdout; stderr is the log.
import readline from 'node:readline';

let requests = 0;

async function run({ run_id, resource, config }) {
  log(run_id, `looking at ${resource.resource_endpoint}`);
  requests += 42;
  return [{ type: '{{.Name}}', dimensions: { mount: '/' }, gauges: { used: 0.42 }, counters: { requests } }];
}

// From here on it is the protocol.
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');
const log = (run_id, message) => send({ method: 'log', params: { run_id, level: 'info', message } });

const methods = {
  initialize: () => ({ protocol_version: 1, capabilities: { concurrency: 16 } }),
  describe: () => ({}),
  run: async (params) => {
    try {
      return { run_id: params.run_id, outcome: 'ok', groups: await run(params) };
    } catch (e) {
      return { run_id: params.run_id, outcome: 'raised', error: { type: e.name, message: e.message, traceback: e.stack } };
    }
  },
  cancel: () => {}, // a run that takes long would end here
  shutdown: () => {
    setImmediate(() => process.exit(0));
    return {};
  },
};

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === undefined) return; // an answer to a call of ours
  const handler = methods[method];
  if (handler) {
    const result = await handler(params);
    if (id !== undefined) send({ id, result });
  } else if (id !== undefined) {
    send({ id, error: { code: -32601, message: `method not found: ${method}` } });
  }
}).on('close', () => process.exit(0));
