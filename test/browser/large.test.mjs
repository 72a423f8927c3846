// 100,000 tasks: what a page has is bounded, whatever there is. Times are printed, and judged by nobody: machines differ.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, fits, launch, open, phone, quiet, rows } from "./browser.mjs";
import { Collector, eventually } from "./collector.mjs";

const resources = 50_000;

const plugin = (name, exec) => `[Core]
Name = ${name}
Module = slow.sh
[Documentation]
Version = 0.1
[main]
runtime = exec
args = ${exec}
execute_frequency = 3600
resource_filter = resource_class = "network"
`;

const files = {
  "plugins/one.panoptes-plugin": plugin("Interfaces", "interface"),
  "plugins/two.panoptes-plugin": plugin("Power", "power"),
  // Few runs go on at once, and each takes its time: this test is about the pages, not about the load.
  "plugins/slow.sh": `#!/bin/sh\nsleep 0.2\necho "{\\"type\\": \\"$1\\", \\"gauges\\": {\\"up\\": 1}}"\n`,
  "resources.json": JSON.stringify(
    Array.from({ length: resources }, (_, n) => ({
      resource_site: `dc${n % 20}`, resource_class: "network", resource_subclass: "switch", resource_type: "generic",
      resource_id: `switch-${String(n).padStart(6, "0")}`, resource_endpoint: `10.0.${n >> 8}.${n & 255}`, resource_plugin: "inventory",
      resource_creation_timestamp: 1512629517, resource_metadata: { _resource_ttl: "86400", rack: `r${n % 400}` },
    })),
  ),
};

const config = (folder, ports) => `
extensions:
  panoptes_status: {endpoint: "127.0.0.1:${ports.status}"}
receivers:
  panoptes:
    plugins: {directories: [${folder}/plugins], settle: 100ms}
    resources: {files: ["${folder}/resources.json"]}
    max_concurrent_runs: 2
exporters:
  debug: {use_internal_logger: false}
service:
  extensions: [panoptes_status]
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [panoptes], exporters: [debug]}}
`;

let browser, collector;
before(async () => {
  browser = await launch();
  collector = await Collector.start(files, config);
  await eventually("100,000 tasks", async () => (await collector.api("overview")).tasks === 2 * resources);
});
after(async () => {
  await browser?.close();
  await collector?.stop();
});

// bounds are the most bytes of a page, and how many rows it has.
const bounds = {
  "": [30_000, undefined],
  tasks: [120_000, 50],
  "tasks?page=2000": [120_000, 50],
  "tasks?sort=duration": [120_000, 50],
  "tasks?q=switch-04999&filter=resource_metadata.rack+LIKE+%22r3%25%22&sort=name": [120_000, 20],
  "tasks?size=1000&sort=name": [2_000_000, 1000],
  "tasks?size=100000": [2_000_000, 1000],
  matrix: [120_000, 50],
  "matrix?page=1000": [120_000, 50],
  resources: [120_000, 50],
};

test("a page of 100,000 tasks is bounded", async (t) => {
  const page = await open(browser, collector.url);
  for (const [path, [bytes, count]] of Object.entries(bounds)) {
    const begun = performance.now();
    const answer = await page.goto(collector.url + path);
    const took = performance.now() - begun;
    const size = (await answer.body()).length;
    assert.ok(size <= bytes, `${path} has ${size} bytes`);
    if (count !== undefined) assert.equal((await rows(page)).length, count, path);
    t.diagnostic(`/${path}: ${size} bytes, shown after ${took.toFixed(0)} ms`);
  }
  quiet(page);
  await page.context().close();
});

test("100,000 tasks are paged through, and searched", async () => {
  const page = await open(browser, collector.url);
  assert.match(await page.locator(".tiles").innerText(), /100\u202f000 tasks/);
  await page.goto(collector.url + "tasks?sort=name");
  assert.match(await page.locator(".pager").innerText(), /Page 1 of 2\u202f000/);
  await page.getByRole("link", { name: "Last »" }).click();
  assert.equal((await rows(page)).at(-1), "Power · switch-049999".replace("049999", "049989"), "by site, of which dc9 is the last");
  await page.getByRole("link", { name: "← Previous" }).click();
  assert.match(await page.locator(".pager").innerText(), /Page 1\u202f999 of 2\u202f000/);
  await page.getByLabel("Text").fill("switch-031415");
  await page.getByLabel("Text").press("Enter");
  assert.deepEqual(await rows(page), ["Interfaces · switch-031415", "Power · switch-031415"]);
  await accessible(page);
  quiet(page);
  await page.context().close();

  const small = await open(browser, collector.url + "tasks", { viewport: phone });
  await fits(small);
  quiet(small);
  await small.context().close();

  const { total, pages, items } = await collector.api("tasks?size=1000&page=100&sort=name");
  assert.deepEqual([total, pages, items.length], [2 * resources, 100, 1000]);
});
